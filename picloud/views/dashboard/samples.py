"""Events kept by a name, for the panel that tries a script out."""

from typing import Any

import msgspec
from pyramid.request import Request
from pyramid.response import Response

from picloud.domain import ids
from picloud.domain.access import Capability
from picloud.domain.errors import invalid
from picloud.services.executions.executions import ExecutionService
from picloud.views import script_samples
from picloud.views.dashboard.editor import draw_script
from picloud.views.dashboard.page import page
from picloud.views.dashboard.twin import given, tried


@page("page_samples", "POST", Capability.SCRIPT_WRITE)
def create(request: Request) -> Response:
    """From an execution, whose event is kept."""
    form = given(request, "name", "execution")
    error = tried(
        request, script_samples.create, lambda: {"name": form.get("name", ""), "event": _event(request, form)}
    )
    return draw_script(request, {}, error) if error else _see_panel(request)


@page("page_delete_sample", "POST", Capability.SCRIPT_WRITE)
def delete(request: Request) -> Response:
    error = tried(request, script_samples.delete)
    return draw_script(request, {}, error) if error else _see_panel(request)


def _event(request: Request, form: dict[str, str]) -> Any:
    """Raises NotFound, Invalid."""
    executions = ExecutionService(request.db, request.context.app)
    if not request.has_permission(Capability.LOG_READ):
        raise invalid("/execution", "may not be read by you")
    event = executions.event(executions.get(ids.parse(form.get("execution", ""))))
    if event is None:
        raise invalid("/execution", "is older than the events that are kept")
    return msgspec.to_builtins(event)


def _see_panel(request: Request) -> Response:
    parts = {"app": request.context.app.slug, "name": request.matchdict["name"], "_anchor": "test"}
    return Response(status=303, location=request.route_path("page_script", **parts))
