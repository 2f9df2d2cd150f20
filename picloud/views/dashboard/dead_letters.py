"""Dead letters, by what went wrong."""

from typing import Any
from urllib.parse import urlencode

from pyramid.request import Request
from pyramid.response import Response

from picloud.domain.access import Capability
from picloud.domain.errors import PicloudError, invalid
from picloud.domain.kinds import EventKind
from picloud.services.dead_letters.groups import dead_letter_groups, letters_of_group
from picloud.views import dead_letters, discards, replays
from picloud.views.dashboard.page import draw, page, see
from picloud.views.dashboard.twin import given, outcome, tried, without_empty
from picloud.views.dead_letters import LetterState

FILTERS = ("kind", "script", "error_type", "error_contains", "trigger_id", "trace_id", "since", "until")
MOST_AT_ONCE = 1_000


@page("page_dead_letters", "GET", Capability.LOG_READ)
def index(request: Request) -> Response:
    return _draw_list(request)


@page("page_replay_dead_letters", "POST", Capability.DELIVERY_MANAGE)
def replay_many(request: Request) -> Response:
    done, error = outcome(request, replays.replay_many, _wanted(request))
    return _draw_list(request, error, done)


@page("page_discard_dead_letters", "POST", Capability.DELIVERY_MANAGE)
def discard_many(request: Request) -> Response:
    return _discard(request, _wanted(request))


@page("page_restore_dead_letters", "POST", Capability.DELIVERY_MANAGE)
def restore_many(request: Request) -> Response:
    wanted = given(request, "discarded_at")
    body = {"filter": wanted} if wanted else _wanted(request)
    done, error = outcome(request, discards.restore_many, body)
    return _draw_list(request, error, done)


@page("page_dead_letter", "GET", Capability.LOG_READ)
def show(request: Request) -> Response:
    return _draw(request)


@page("page_replay_dead_letter", "POST", Capability.DELIVERY_MANAGE)
def replay(request: Request) -> Response:
    error = tried(request, replays.replay, given(request, "version"))
    if error is not None:
        return _draw(request, error)
    return see(request, "page_delivery", app=request.context.app.slug, id=request.matchdict["id"])


@page("page_discard_dead_letter", "POST", Capability.DELIVERY_MANAGE)
def discard(request: Request) -> Response:
    return _discard(request, {"filter": {"ids": [request.matchdict["id"]]}})


def _discard(request: Request, body: Any) -> Response:
    done, error = outcome(request, discards.discard_many, body)
    if error is not None:
        return _draw_list(request, error)
    kept = {"discarded": done["discarded"], "discarded_at": done["discarded_at"].isoformat()}
    return see(request, "page_dead_letters", app=request.context.app.slug, _query=kept)


def _wanted(request: Request) -> Any:
    """What the pressed button is about: the letters that are ticked, a group, or all that the filters name; as many as
    the API takes at once. For the API to refuse, where it is nothing."""

    def body() -> dict[str, Any]:
        which = request.POST.get("which", "")
        if which == "all":
            form = given(request, *FILTERS)
            return {"filter": form}
        if which == "ticked":
            ids = request.POST.getall("ids")[:MOST_AT_ONCE]
        else:
            form = given(request, "script", "error_type", "message")
            group = (form.get("script", ""), form.get("error_type", ""), form.get("message", ""))
            ids = [str(each) for each in letters_of_group(request.db, request.context.app, *group, MOST_AT_ONCE)]
        if not ids:
            raise invalid("/filter/ids", "names no dead letter: tick some first")
        return {"filter": {"ids": ids}}

    return body


def _draw(request: Request, error: PicloudError | None = None) -> Response:
    return draw(request, "dead_letter", error.status if error else 200, it=dead_letters.read(request), error=error)


def _draw_list(request: Request, error: PicloudError | None = None, done: Any = None) -> Response:
    asked = {name: request.GET.get(name, "") for name in (*FILTERS, "state", "discarded", "discarded_at")}
    without_empty(request)
    found, wrong = outcome(request, dead_letters.index)
    error = error or wrong
    filled = {name: asked[name] for name in (*FILTERS, "state") if asked[name]}
    return draw(
        request,
        "dead_letters",
        error.status if error else 200,
        found=found or {"items": [], "next": None},
        groups=dead_letter_groups(request.db, request.context.app),
        asked=asked,
        error=error,
        done=done,
        kinds=list(EventKind),
        states=list(LetterState),
        filters=FILTERS,
        exported=urlencode(filled),
    )
