from typing import Any
from uuid import UUID

import msgspec

from picloud.domain.kinds import EventKind
from picloud.models import ExecutionStatus
from picloud.openapi.operation import FILTER, PAGE, Moment, Operation, Query, Resource, page
from picloud.openapi.resources.limits import Limits


class RunError(msgspec.Struct):
    """Why a run failed. `line` counts from 1, in `script`; null where it is not known."""

    type: str
    message: str
    line: int | None
    traceback: str
    script: str | None = None


class LogEntry(msgspec.Struct):
    """What a handler logged or printed. `at_ms` counts from the start of the run."""

    level: str
    message: str
    fields: dict[str, Any]
    at_ms: int


class Execution(msgspec.Struct):
    """One run of one script version for one attempt. `delivery_id`, `trigger_id`: null for a call over HTTP."""

    id: UUID
    delivery_id: UUID | None
    trigger_id: UUID | None
    kind: EventKind
    script: str
    version: int | None
    attempt: int
    status: ExecutionStatus
    started_at: Moment
    wall_ms: float
    cpu_ms: float
    memory_peak_bytes: int
    limits: Limits
    error: RunError | None
    trace_id: UUID


class MadeCall(msgspec.Struct):
    """A call through `ctx`. `target`: key, queue, secret's name, or method and host; `took_ms`: until its answer; `ok`: it
    did not fail. `at_ms` counts from when a worker was asked for."""

    verb: str
    target: str
    at_ms: int
    took_ms: float
    ok: bool


class FullExecution(Execution):
    """The execution with what went in and came out. `event` is null when it is older than what is kept. `host_calls`: the
    first 50."""

    event: Any
    result: Any
    logs: list[LogEntry]
    host_calls: list[MadeCall]


_FILTER = (
    Query("script", FILTER, "Only of the script with this name."),
    Query("version", int, "Only of this version."),
    Query("status", ExecutionStatus, "Only with this end."),
    Query("kind", EventKind, "Only for events of this kind."),
    Query("delivery_id", UUID, "Only attempts at this delivery."),
    Query("trigger_id", UUID, "Only by this trigger."),
    Query("trace_id", UUID, "Only of this trace: what one event has caused, and itself."),
    Query("since", Moment, "Only started at this moment or later."),
    Query("until", Moment, "Only started before this moment."),
)

_STREAMED = """Server-sent events (WHATWG HTML, 9.2), in the order in which executions ended:

- `execution`: an execution as the list shows it; `id:` is its id. One whose record came late has no `id:` line.
- `gap`: executions were left out here. `reason` is `too_many_missed` (then `after` is the last one sent) or `too_slow`.
- `database`: `state` is `away` or `back`. Nothing is lost; what ends meanwhile comes afterwards.
- `end`: the stream ends. `reason` is `not_allowed` or `stopping`.

A client that comes again sends the last id as `Last-Event-ID` and first gets what it has missed, at most 200 executions.
`after` does the same for the first time, with the newest id of a list. While nothing ends there is a comment every 1.5 s."""

_STREAM_FILTER = tuple(query for query in _FILTER if query.name not in ("since", "until"))

EXECUTIONS = Resource(
    "executions",
    "Runs: results, logs, time, CPU, memory.",
    (
        Operation(
            route="executions",
            method="GET",
            id="list_executions",
            summary="List an app's executions, newest first",
            query=PAGE + _FILTER,
            answers={200: page(Execution, "ExecutionPage")},
        ),
        Operation(
            route="execution_stream",
            method="GET",
            id="stream_executions",
            summary="Follow an app's executions live",
            description=_STREAMED,
            query=(*_STREAM_FILTER, Query("after", UUID, "First what ended after this execution.")),
            media="text/event-stream",
            answers={200: str},
        ),
        Operation(
            route="execution",
            method="GET",
            id="get_execution",
            summary="Show an execution with its event, result and logs",
            answers={200: FullExecution},
        ),
    ),
)
