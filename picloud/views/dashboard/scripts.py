from functools import wraps
from typing import Any

from pyramid.request import Request
from pyramid.response import Response
from sqlalchemy import select

from picloud.domain.access import Capability
from picloud.domain.errors import PicloudError, PreconditionFailed
from picloud.domain.kinds import ScriptKind
from picloud.models import Script, ScriptVersion, User
from picloud.views import scripts
from picloud.views.api import path_text
from picloud.views.dashboard import limits
from picloud.views.dashboard.editor import draw_script, newest_version, opened, see_script
from picloud.views.dashboard.listing import excerpt
from picloud.views.dashboard.page import draw, page, see
from picloud.views.dashboard.twin import given, tried
from picloud.views.entity_tags import entity_tag

STARTER = """def handler(ctx):
    ctx.log.info("called", kind=ctx.event.kind)
    return {"hello": "world"}
"""


@page("page_scripts", "GET", Capability.SCRIPT_READ)
def index(request: Request) -> Response:
    found = scripts.index(request)
    newest = scripts.script_service(request).newest_versions([item["id"] for item in found["items"]])
    return draw(request, "scripts", scripts=found, newest=newest)


@page("page_new_script", "GET", Capability.SCRIPT_WRITE)
def ask(request: Request) -> Response:
    return _new(request, {"source": STARTER})


@page("page_new_script", "POST", Capability.SCRIPT_WRITE)
def create(request: Request) -> Response:
    form = given(request, "name", "kind", "source")
    error = tried(request, scripts.create, {"source": "", **form})
    return _new(request, form, error) if error else see_script(request, form["name"])


@page("page_script", "GET", Capability.SCRIPT_READ)
def edit(request: Request) -> Response:
    return draw_script(request, opened(request))


@page("page_script", "POST", Capability.SCRIPT_WRITE)
def save(request: Request) -> Response:
    form = given(request, "source", "message", "if_match", "kind", "event", "activate")
    live = form.get("activate") != "no"
    body = {"source": form.get("source", ""), "message": form.get("message"), "activate": live}
    save = wraps(scripts.save)(lambda request: _save_unless_changed(request, form.get("if_match", "")))
    error = tried(request, save, body)
    if error is not None:
        return draw_script(request, form, error)
    return see_script(request, request.matchdict["name"], None if live else newest_version(request))


@page("page_delete_script", "POST", Capability.SCRIPT_WRITE)
def delete(request: Request) -> Response:
    error = tried(request, scripts.delete)
    return draw_script(request, {}, error) if error else see(request, "page_scripts", app=request.context.app.slug)


@page("page_script_limits", "POST", Capability.SCRIPT_WRITE)
def limit(request: Request) -> Response:
    form = given(request, *limits.NAMES)
    error = tried(request, scripts.update, lambda: {"limits": limits.limits_of(form)})
    return draw_script(request, {}, error) if error else see_script(request, request.matchdict["name"])


def _new(request: Request, form: dict[str, str], error: PicloudError | None = None) -> Response:
    marks = [item.line for item in error.errors] if error else []
    values = {"form": form, "error": error, "excerpt": excerpt(form.get("source", ""), marks)}
    return draw(request, "new_script", error.status if error else 200, kinds=list(ScriptKind), **values)


def _save_unless_changed(request: Request, tag: str) -> dict[str, Any]:
    """Raises PreconditionFailed, saying who was quicker."""
    named = select(Script.id).where(Script.app_id == request.context.app.id, Script.name == path_text(request, "name"))
    script_id = request.db.scalar(named.with_for_update(key_share=True))
    request.db.expire_all()
    if script_id is not None and entity_tag(scripts.read(request)) != tag:
        raise _changed(request, script_id)
    saved: dict[str, Any] = scripts.save(request)
    return saved


def _changed(request: Request, script_id: object) -> PreconditionFailed:
    newest = select(ScriptVersion.number, User.email).outerjoin(User, User.id == ScriptVersion.created_by)
    of_script = newest.where(ScriptVersion.script_id == script_id)
    number, email = request.db.execute(of_script.order_by(ScriptVersion.number.desc()).limit(1)).one()
    return PreconditionFailed(
        f"{email or 'Somebody'} saved version {number} meanwhile, or changed which one is active. Your source is kept "
        "below and not saved. Compare them, then save again to replace theirs."
    )
