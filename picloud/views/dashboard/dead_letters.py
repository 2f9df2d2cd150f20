"""Dead letters, by what went wrong."""

from typing import Any

from pyramid.request import Request
from pyramid.response import Response

from picloud.domain.access import Capability
from picloud.domain.errors import PicloudError
from picloud.domain.kinds import EventKind
from picloud.services.dead_letters.groups import dead_letter_groups, letters_of_group
from picloud.views import dead_letters, replays
from picloud.views.dashboard.page import draw, page, see
from picloud.views.dashboard.twin import given, outcome, tried, without_empty

FILTERS = ("kind", "script", "error_type", "error_contains", "trigger_id", "trace_id", "since", "until")
MOST_AT_ONCE = 1_000


@page("page_dead_letters", "GET", Capability.LOG_READ)
def index(request: Request) -> Response:
    return _draw_list(request)


@page("page_replay_dead_letters", "POST", Capability.DELIVERY_MANAGE)
def replay_group(request: Request) -> Response:
    """As many as the API takes at once."""
    form = given(request, "script", "error_type", "message")
    group = (form.get("script", ""), form.get("error_type", ""), form.get("message", ""))
    ids = letters_of_group(request.db, request.context.app, *group, MOST_AT_ONCE)
    done, error = outcome(request, replays.replay_many, {"filter": {"ids": [str(each) for each in ids]}})
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
    error = tried(request, dead_letters.discard)
    return _draw(request, error) if error else see(request, "page_dead_letters", app=request.context.app.slug)


def _draw(request: Request, error: PicloudError | None = None) -> Response:
    return draw(request, "dead_letter", error.status if error else 200, it=dead_letters.read(request), error=error)


def _draw_list(request: Request, error: PicloudError | None = None, done: Any = None) -> Response:
    asked = {name: request.GET.get(name, "") for name in FILTERS}
    without_empty(request)
    found, wrong = outcome(request, dead_letters.index)
    error = error or wrong
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
    )
