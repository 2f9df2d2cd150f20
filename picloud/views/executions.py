from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from pyramid.request import Request

from picloud.domain.access import Capability
from picloud.domain.kinds import EventKind
from picloud.models import Execution, ExecutionStatus
from picloud.services.executions.executions import ExecutionFilter, ExecutionService
from picloud.views.api import api, filter_text, page_request, page_shape, path_id, query_as, runtime


def shape(execution: Execution) -> dict[str, Any]:
    return {
        "id": execution.id,
        "delivery_id": execution.delivery_id,
        "trigger_id": execution.trigger_id,
        "kind": execution.kind,
        "script": execution.script,
        "version": execution.version,
        "attempt": execution.attempt,
        "status": execution.status,
        "started_at": execution.started_at,
        "wall_ms": execution.wall_ms,
        "cpu_ms": execution.cpu_ms,
        "memory_peak_bytes": execution.memory_peak_bytes,
        "limits": execution.limits,
        "error": execution.error,
        "trace_id": execution.trace_id,
    }


def narrowed_to(request: Request) -> ExecutionFilter:
    """What the query asks for, but for the time. Raises Invalid."""
    return ExecutionFilter(
        script=filter_text(request, "script"),
        version=query_as(request, "version", int),
        status=query_as(request, "status", ExecutionStatus),
        kind=query_as(request, "kind", EventKind),
        delivery_id=query_as(request, "delivery_id", UUID),
        trigger_id=query_as(request, "trigger_id", UUID),
        trace_id=query_as(request, "trace_id", UUID),
    )


@api("executions", "GET", Capability.LOG_READ)
def index(request: Request) -> dict[str, Any]:
    since, until = query_as(request, "since", datetime), query_as(request, "until", datetime)
    narrowed = replace(narrowed_to(request), since=since, until=until)
    page = _executions(request).list(page_request(request), narrowed)
    return page_shape(page, shape)


@api("execution", "GET", Capability.LOG_READ)
def read(request: Request) -> dict[str, Any]:
    executions = _executions(request)
    execution = executions.get(path_id(request))
    return shape(execution) | {
        "event": executions.event(execution),
        "result": execution.result,
        "logs": execution.logs,
        "host_calls": execution.host_calls or [],
    }


def _executions(request: Request) -> ExecutionService:
    """With all that ended before: who got an answer finds its record."""
    runtime(request).recorder.catch_up()
    return ExecutionService(request.db, request.context.app)
