from datetime import datetime
from typing import Any
from uuid import UUID

from pyramid.request import Request

from picloud.domain.access import Capability
from picloud.domain.kinds import EventKind
from picloud.models import Execution, ExecutionStatus
from picloud.services.executions.executions import ExecutionFilter, ExecutionService
from picloud.views.api import api, filter_text, page_request, page_shape, path_id, query_as


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


@api("executions", "GET", Capability.LOG_READ)
def index(request: Request) -> dict[str, Any]:
    narrowed = ExecutionFilter(
        script=filter_text(request, "script"),
        version=query_as(request, "version", int),
        status=query_as(request, "status", ExecutionStatus),
        kind=query_as(request, "kind", EventKind),
        delivery_id=query_as(request, "delivery_id", UUID),
        trigger_id=query_as(request, "trigger_id", UUID),
        trace_id=query_as(request, "trace_id", UUID),
        since=query_as(request, "since", datetime),
        until=query_as(request, "until", datetime),
    )
    page = ExecutionService(request.db, request.context.app).list(page_request(request), narrowed)
    return page_shape(page, shape)


@api("execution", "GET", Capability.LOG_READ)
def read(request: Request) -> dict[str, Any]:
    executions = ExecutionService(request.db, request.context.app)
    execution = executions.get(path_id(request))
    return shape(execution) | {
        "event": executions.event(execution),
        "result": execution.result,
        "logs": execution.logs,
        "host_calls": execution.host_calls or [],
    }
