from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec
from pyramid.request import Request
from pyramid.response import Response

from picloud.domain.access import Capability
from picloud.domain.audit import Action
from picloud.domain.errors import NotFound, PreconditionFailed, invalid
from picloud.domain.text import sayable
from picloud.models import KvEntry
from picloud.security.accountability import audit
from picloud.services.kv.entries import KvService
from picloud.services.kv.usage import KvGrowth, KvQuota
from picloud.views.api import api, json_body, page_limit, path_text, query_text, runtime, storing


class NewValue(msgspec.Struct, forbid_unknown_fields=True):
    value: Any
    ttl_s: float | None = None


def shape(entry: KvEntry) -> dict[str, Any]:
    return {
        "key": entry.key,
        "value": entry.value,
        "version": entry.version,
        "expires_at": entry.expires_at,
        "updated_at": entry.updated_at,
    }


@api("kv_collections", "GET", Capability.KV_READ)
def collections(request: Request) -> dict[str, Any]:
    """Pages by name: `after` is the last name of the page before."""
    limit = page_limit(request)
    found = _kv(request).collections(limit=limit + 1, after=query_text(request, "after"))
    page = [{"collection": name, "entries": entries} for name, entries in found[:limit]]
    return {"items": page, "next": page[-1]["collection"] if len(found) > limit else None}


@api("kv_entries", "GET", Capability.KV_READ)
def index(request: Request) -> dict[str, Any]:
    """Pages by key: `after` is the last key of the page before. `?prefix=` narrows."""
    limit = page_limit(request)
    prefix, after = query_text(request, "prefix") or "", query_text(request, "after")
    found = _kv(request).list(_collection(request), prefix=prefix, limit=limit + 1, after=after)
    page = found[:limit]
    return {"items": [shape(entry) for entry in page], "next": page[-1].key if len(found) > limit else None}


@api("kv_entry", "GET", Capability.KV_READ)
def read(request: Request) -> dict[str, Any]:
    return shape(_entry(request, _kv(request)))


@api("kv_entry", "PUT", Capability.KV_WRITE)
@storing
def put(request: Request) -> dict[str, Any]:
    """Sync triggers that the change sets off have run when this answers; if one fails, nothing is changed."""
    # As handlers may: NUL within a value, and as many parts as its size allows.
    body = json_body(request, NewValue, fits=sayable, max_parts=runtime(request).settings.kv_value_max_bytes)
    with _writing(request) as kv:
        kv.set(_collection(request), path_text(request, "key"), body.value, body.ttl_s)
    entry = kv.written(_collection(request), path_text(request, "key"))
    if entry.version != 1 and request.headers.get("If-None-Match", "").strip() == "*":
        raise PreconditionFailed("Somebody else has made it at the same time.")
    audit(request, Action.KV_SET, _target(request), after={"version": entry.version, "expires_at": entry.expires_at})
    return shape(entry)


@api("kv_entry", "DELETE", Capability.KV_WRITE)
def delete(request: Request) -> Response:
    """As for PUT."""
    with _writing(request) as kv:
        if not kv.delete(_collection(request), path_text(request, "key")):
            raise NotFound("There is no such entry.")
    audit(request, Action.KV_DELETE, _target(request))
    return Response(status=204)


def _collection(request: Request) -> str:
    """Raises Invalid for one with a `/`: behind WSGI it reads like a shorter one and the begin of a key."""
    name = path_text(request, "collection")
    raw_path = urlsplit(request.environ.get("REQUEST_URI") or request.path).path
    if "%2f" in raw_path.lower() and name not in map(unquote, raw_path.split("/")):
        raise invalid("/collection", "has a / in its name: no address reaches it, only handlers do")
    return name


def _target(request: Request) -> str:
    """The entry, as the audit names it. Its value is the app's and not kept there."""
    return f"{_collection(request)}/{path_text(request, 'key')}"


@contextmanager
def _writing(request: Request) -> Iterator[KvService]:
    """The store, to change something in it. Raises Unavailable where too many wait for handlers already."""
    made_of = runtime(request)
    app = made_of.app_codes.by_id(request.context.app.id)
    effects = made_of.effects.by_hand(app, request.db)
    request.add_finished_callback(lambda _: effects.close())
    waits = app.triggers.agree_on_kv(_collection(request), path_text(request, "key"))
    with made_of.callers.seat() if waits else nullcontext():
        yield effects.kv()
    effects.book()


def _kv(request: Request) -> KvService:
    """The store, to read."""
    return KvService(request.db, request.context.app.id, KvQuota.of(runtime(request).settings), KvGrowth())


def _entry(request: Request, kv: KvService) -> KvEntry:
    entry = kv.get(_collection(request), path_text(request, "key"))
    if entry is None:
        raise NotFound("There is no such entry.")
    return entry
