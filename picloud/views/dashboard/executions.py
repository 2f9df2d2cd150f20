from collections.abc import Mapping
from typing import Any

from pyramid.request import Request
from pyramid.response import Response
from sqlalchemy import select

from picloud.domain.access import Capability
from picloud.domain.kinds import EventKind
from picloud.models import ExecutionStatus, Script, ScriptVersion
from picloud.services.executions.input_summaries import input_summaries
from picloud.views import executions
from picloud.views.dashboard.attempts import attempts_of
from picloud.views.dashboard.listing import Line, excerpt
from picloud.views.dashboard.page import draw, page
from picloud.views.dashboard.twin import outcome, without_empty

FILTERS = ("script", "status", "kind", "version", "since", "until", "trigger_id", "delivery_id", "trace_id")
STREAMED = tuple(name for name in FILTERS if name not in ("since", "until"))
"""What the stream can be narrowed to; the list itself knows all filters."""


@page("page_executions", "GET", Capability.LOG_READ)
def index(request: Request) -> Response:
    asked = {name: request.GET.get(name, "") for name in FILTERS}
    without_empty(request)
    found, error = outcome(request, executions.index)
    found = found or {"items": [], "next": None}
    inputs = input_summaries(request.db, request.context.app, [item["id"] for item in found["items"]])
    values = {"found": found, "inputs": inputs, "asked": asked, "error": error, "tail": _tail(request, asked)}
    return draw(
        request,
        "executions",
        error.status if error else 200,
        statuses=list(ExecutionStatus),
        kinds=list(EventKind),
        **values,
    )


def _tail(request: Request, asked: Mapping[str, str]) -> str | None:
    """The stream that says when to look again; none for a page of the past."""
    if asked["until"] or "after" in request.GET:
        return None
    narrowed = {name: asked[name] for name in STREAMED if asked[name]}
    path: str = request.route_path("execution_stream", app=request.context.app.slug, _query=narrowed)
    return path


@page("page_execution", "GET", Capability.LOG_READ)
def show(request: Request) -> Response:
    execution = executions.read(request)
    tries = attempts_of(request, execution)
    return draw(request, "execution", run=execution, excerpt=_failing(request, execution), tries=tries)


def _failing(request: Request, execution: dict[str, Any]) -> list[Line]:
    """The line that failed and its neighbours, in the version that ran; nothing where it stands in a module, whose version
    is not known, or the version is gone."""
    error = execution["error"] or {}
    if not error.get("line") or error.get("script") not in (None, execution["script"]):
        return []
    if not request.has_permission(Capability.SCRIPT_READ):
        return []
    source = request.db.scalar(
        select(ScriptVersion.source)
        .join(Script, Script.id == ScriptVersion.script_id)
        .where(
            Script.app_id == request.context.app.id,
            Script.name == execution["script"],
            ScriptVersion.number == execution["version"],
        )
    )
    return excerpt(source, [error["line"]]) if source else []
