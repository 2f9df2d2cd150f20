"""Rows of `executions`: made from runs, written in batches, logged one line each."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from uuid import UUID

import msgspec
from psycopg2.extensions import connection as PsycopgConnection
from psycopg2.extensions import cursor as Cursor
from sqlalchemy import Connection

from picloud.services.array_literal import array_literal
from picloud.services.code.prepared import Prepared
from picloud.services.code.runner import RunResult
from picloud.services.executions.kept_parts import kept, kept_event
from picloud.services.meters import count_execution

log = logging.getLogger("picloud.execution")

AnyId = UUID | str
"""An id, or its text where it only passes through."""

_encode = msgspec.json.Encoder().encode
_COLUMNS = {
    "id": "uuid",
    "app_id": "uuid",
    "delivery_id": "uuid",
    "event_id": "uuid",
    "trigger_id": "uuid",
    "script_id": "uuid",
    "script": "text",
    "version": "int",
    "kind": "text",
    "attempt": "int",
    "max_attempts": "int",
    "manual": "bool",
    "status": "text",
    "started_at": "timestamptz",
    "wall_ms": "float8",
    "cpu_ms": "float8",
    "memory_peak_bytes": "bigint",
    "limits": "json",
    "event": "json",
    "result": "json",
    "logs": "json",
    "error": "json",
    "trace_id": "uuid",
    "host_calls": "json",
}
_ARRAYS = ", ".join(f"${number}::{kind}[]" for number, kind in enumerate(_COLUMNS.values(), 1))
_INSERT = Prepared(
    "picloud_record",
    f"INSERT INTO executions ({', '.join(_COLUMNS)}) SELECT * FROM unnest({_ARRAYS})",  # noqa: S608
)
_values = attrgetter(*_COLUMNS)


@dataclass(frozen=True, slots=True)
class ExecutionRow:
    """One run of one attempt. `limits`, `event`, `result`, `logs` and `error` are JSON texts."""

    id: UUID
    app_id: UUID
    delivery_id: AnyId | None
    event_id: AnyId
    trigger_id: AnyId | None
    script_id: UUID
    script: str
    version: int | None
    kind: str
    attempt: int
    max_attempts: int
    manual: bool
    status: str
    started_at: datetime
    wall_ms: float
    cpu_ms: float
    memory_peak_bytes: int
    limits: str
    event: str | None
    result: str | None
    logs: str
    error: str | None
    trace_id: AnyId
    host_calls: str | None = None

    def size_bytes(self) -> int:
        """What the row weighs while it waits to be written, about."""
        return 1024 + sum(len(part or "") for part in (self.event, self.result, self.logs, self.error, self.host_calls))


def execution_row(
    run: RunResult,
    *,
    kind: str,
    event_id: AnyId,
    trace_id: AnyId,
    attempt: int = 1,
    max_attempts: int = 1,
    manual: bool = False,
    delivery_id: AnyId | None = None,
    trigger_id: AnyId | None = None,
    event: bytes | None = None,
) -> ExecutionRow:
    """The row of a run. `event` (JSON) only where no row of `events` holds it: for a call by HTTP. Large parts are cut."""
    outcome = run.outcome
    return ExecutionRow(
        id=run.id,
        app_id=run.app_id,
        delivery_id=delivery_id,
        event_id=event_id,
        trigger_id=trigger_id,
        script_id=run.script_id,
        script=run.script,
        version=run.version,
        kind=kind,
        attempt=attempt,
        max_attempts=max_attempts,
        manual=manual,
        status=outcome.status.value,
        started_at=run.started_at,
        wall_ms=outcome.wall_ms,
        cpu_ms=outcome.cpu_ms,
        memory_peak_bytes=outcome.memory_peak_bytes,
        limits=_encode(outcome.limits).decode(),
        event=kept_event(event) if event is not None else None,
        result=kept(outcome.result) if outcome.result is not None else None,
        logs=_encode(outcome.logs).decode(),
        error=_encode(outcome.error).decode() if outcome.error else None,
        trace_id=trace_id,
        host_calls=_encode(outcome.host_calls).decode() if outcome.host_calls else None,
    )


def psycopg2_cursor(connection: Connection) -> Cursor:
    """A cursor of the driver, in SQLAlchemy's transaction."""
    driver: PsycopgConnection = connection.connection.driver_connection  # type: ignore[assignment]
    return driver.cursor()


def insert_executions(cursor: Cursor, rows: Sequence[ExecutionRow]) -> None:
    """Write the rows in one statement. Commit is the caller's. Raises psycopg2's errors."""
    if rows:
        _INSERT.execute(cursor, *(array_literal(column) for column in zip(*map(_values, rows), strict=True)))


def log_execution(row: ExecutionRow) -> None:
    """The one line of an execution, and its count in the metrics."""
    count_execution(row.kind, row.status, row.wall_ms)
    if not log.isEnabledFor(logging.INFO):
        return
    fields = {
        "execution_id": str(row.id),
        "app_id": str(row.app_id),
        "script": row.script,
        "version": row.version,
        "kind": row.kind,
        "status": row.status,
        "attempt": row.attempt,
        "delivery_id": str(row.delivery_id) if row.delivery_id else None,
        "trace_id": str(row.trace_id),
        "wall_ms": round(row.wall_ms, 2),
        "cpu_ms": round(row.cpu_ms, 2),
        "memory_peak_bytes": row.memory_peak_bytes,
    }
    log.info("execution", extra={"fields": fields})
