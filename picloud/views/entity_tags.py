"""ETag and If-Match: nobody overwrites what somebody else has changed meanwhile (RFC 9110, 8.8.3 and 13.1.1).

The tag is a hash of what GET shows. A change without If-Match is made as it comes; one with it locks the row first, so that
of two changes on the same tag one is refused.
"""

import base64
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

import msgspec
from nacl import encoding, hash
from pyramid.config import Configurator
from pyramid.request import Request
from pyramid.viewderivers import VIEW
from sqlalchemy import Select, select

from picloud.domain import ids
from picloud.domain.clock import rfc3339
from picloud.domain.errors import NotFound, PreconditionFailed
from picloud.models import App, AuditEvent, KvEntry, Route, Script, Trigger
from picloud.services.triggers.last_runs import LastRun
from picloud.views import app_routes, apps, kv, scripts, triggers

View = Callable[[Any, Request], Any]
Show = Callable[[Request], Mapping[str, Any]]

_SHOWN: Mapping[str, Show] = {
    "app": apps.read,
    "script": scripts.read,
    "app_route": app_routes.read,
    "trigger": triggers.read,
    "kv_entry": kv.read,
}
"""What has a tag, by the name of the route, and the view that shows it."""

_TAGGED_POSTS = frozenset({"apps", "scripts", "activate", "app_routes", "triggers_of_kind"})
"""Routes whose POST answers with something of these."""

_UNSTABLE = frozenset(
    {
        "source",
        "inbound_secret",
        "inbound_url",
        "setup",
        "next_at",
        "next_times",
        "default_limits",
        "effective_limits",
        *(each.name for each in fields(LastRun)),
    }
)
"""Fields that are no state of their own: shown once, computed from the clock or the settings, told by the version, or
history."""


def tagged_view(view: View, info: Any) -> View:
    """Gives what can be changed a tag, and heeds If-Match and, for what PUT creates, `If-None-Match: *`."""
    route = info.options["route_name"] or ""
    show = _SHOWN.get(route)
    if show is None:
        return _tagged_post(view) if route in _TAGGED_POSTS else view

    def tagged(context: Any, request: Request) -> Any:
        if request.method != "GET":
            _heed_preconditions(request, show)
        shown = view(context, request)
        if isinstance(shown, Mapping):
            request.response.etag = entity_tag(shown)
        return shown

    return tagged


def _tagged_post(view: View) -> View:
    """Gives the answer of a POST the tag of what it made or changed, so that nobody has to read it again."""

    def tagged(context: Any, request: Request) -> Any:
        shown = view(context, request)
        if request.method == "POST":
            request.response.etag = entity_tag(shown)
        return shown

    return tagged


def entity_tag(shown: Mapping[str, Any]) -> str:
    """The tag of what is shown, without its quotes."""
    state = msgspec.json.encode({name: value for name, value in shown.items() if name not in _UNSTABLE}, order="sorted")
    digest = hash.blake2b(state, digest_size=15, encoder=encoding.RawEncoder)
    return base64.urlsafe_b64encode(digest).decode()


def _heed_preconditions(request: Request, show: Show) -> None:
    """Raises PreconditionFailed, saying who changed it last."""
    wanted, absent = "If-Match" in request.headers, request.headers.get("If-None-Match", "").strip() == "*"
    if not wanted and not absent:
        return
    request.db.execute(_row(request).with_for_update(key_share=True))
    request.db.expire_all()
    try:
        shown = show(request)
    except NotFound:
        if request.method == "PUT" and wanted:
            raise PreconditionFailed("There is nothing here any more that could match.") from None
        return
    if absent or entity_tag(shown) not in request.if_match:
        raise _changed(request, shown)


def _row(request: Request) -> Select[Any]:
    """The row to lock."""
    app_id, path = request.context.app.id, request.matchdict
    route = request.matched_route.name
    if route == "app":
        return select(App.id).where(App.id == app_id)
    if route == "script":
        return select(Script.id).where(Script.app_id == app_id, Script.name == path["name"])
    if route == "kv_entry":
        return select(KvEntry.version).where(
            KvEntry.app_id == app_id, KvEntry.collection == path["collection"], KvEntry.key == path["key"]
        )
    kind = Route if route == "app_route" else Trigger
    return select(kind.id).where(kind.app_id == app_id, kind.id == ids.parse(path["id"]))


def _changed(request: Request, shown: Mapping[str, Any]) -> PreconditionFailed:
    """The error, with who changed it last as far as the audit knows."""
    path = request.matchdict
    names = {str(shown[name]) for name in ("id", "name", "key") if name in shown}
    names |= {f"{path['collection']}/{path['key']}"} if "collection" in path else set()
    by_whom = select(AuditEvent).where(AuditEvent.app_id == request.context.app.id, AuditEvent.target.in_(names))
    last = request.db.scalar(by_whom.order_by(AuditEvent.id.desc()).limit(1))
    if last is None:
        return PreconditionFailed("It is not any more what you have read.")
    error = PreconditionFailed(f"{last.actor} has changed it at {rfc3339(last.created_at)}.")
    error.members |= {"changed_by": last.actor, "changed_at": last.created_at}
    return error


def includeme(config: Configurator) -> None:
    config.add_view_deriver(tagged_view, "entity_tag", under="rendered_view", over=VIEW)
