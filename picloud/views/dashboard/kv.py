"""What an app keeps, entry by entry."""

from typing import Any

from pyramid.request import Request
from pyramid.response import Response
from sqlalchemy import Select, select

from picloud.domain.access import Capability
from picloud.domain.errors import PicloudError, PreconditionFailed
from picloud.models import KvEntry
from picloud.views import kv
from picloud.views.dashboard.formats import pretty
from picloud.views.dashboard.guard import unless_changed
from picloud.views.dashboard.limits import number
from picloud.views.dashboard.page import draw, page, see
from picloud.views.dashboard.twin import given, json_field, tried, without_empty
from picloud.views.entity_tags import entity_tag


@page("page_kv", "GET", Capability.KV_READ)
def collections(request: Request) -> Response:
    return draw(request, "kv", found=kv.collections(request), form={}, error=None)


@page("page_kv", "POST", Capability.KV_WRITE)
def add(request: Request) -> Response:
    """An entry in any collection, also one that is not there yet."""
    form = given(request, "collection", "key", "value", "ttl_s")
    request.matchdict |= {"collection": form.get("collection", ""), "key": form.get("key", "")}
    error = tried(request, kv.put, lambda: _body(form))
    if error is not None:
        return draw(request, "kv", error.status, found=kv.collections(request), form=form, error=error)
    return see(request, "page_kv_entries", app=request.context.app.slug, collection=form["collection"])


@page("page_kv_entries", "GET", Capability.KV_READ)
def entries(request: Request) -> Response:
    prefix = request.GET.get("prefix", "")
    without_empty(request)
    return draw(
        request, "kv_entries", found=kv.index(request), collection=request.matchdict["collection"], prefix=prefix
    )


@page("page_kv_entry", "GET", Capability.KV_READ)
def show(request: Request) -> Response:
    return _draw(request, {})


@page("page_kv_entry", "POST", Capability.KV_WRITE)
def save(request: Request) -> Response:
    form = given(request, "value", "ttl_s", "if_match")
    put = unless_changed(kv.read, kv.put, _row(request), form.get("if_match", ""))
    error = tried(request, put, lambda: _body(form))
    return _draw(request, form, error) if error else _see(request)


@page("page_delete_kv_entry", "POST", Capability.KV_WRITE)
def delete(request: Request) -> Response:
    error = tried(request, kv.delete)
    return _draw(request, {}, error) if error else _see(request)


def _row(request: Request) -> Select[Any]:
    of_app = select(KvEntry.version).where(KvEntry.app_id == request.context.app.id)
    path = request.matchdict
    return of_app.where(KvEntry.collection == path["collection"], KvEntry.key == path["key"])


def _body(form: dict[str, str]) -> dict[str, Any]:
    """Raises Invalid."""
    ttl_s = number(form["ttl_s"], "/ttl_s") if "ttl_s" in form else None
    return {"value": json_field(form, "value"), "ttl_s": ttl_s}


def _see(request: Request) -> Response:
    return see(request, "page_kv_entries", app=request.context.app.slug, collection=request.matchdict["collection"])


def _draw(request: Request, form: dict[str, str], error: PicloudError | None = None) -> Response:
    entry = kv.read(request)
    return draw(
        request,
        "kv_entry",
        error.status if error else 200,
        it=entry,
        tag=entity_tag(entry),
        changed=isinstance(error, PreconditionFailed),
        collection=request.matchdict["collection"],
        form={"value": pretty(entry["value"])} | form,
        error=error,
    )
