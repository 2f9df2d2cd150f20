from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.orm import Session, defer
from sqlalchemy.orm.interfaces import ORMOption

from picloud.domain.errors import NotFound
from picloud.domain.ids import a_day_before, lower_bound
from picloud.models import App, Event, Execution
from picloud.services.paging import Page, PageRequest, fetch

_DAY = timedelta(days=1)
_OF_ITS_OWN = ("script", "version", "status", "kind", "delivery_id", "trigger_id", "trace_id")
"""What an execution is narrowed by, besides its time."""


@dataclass(frozen=True, slots=True)
class ExecutionFilter:
    """What a list of executions is narrowed to; None: not at all."""

    script: str | None = None
    version: int | None = None
    status: str | None = None
    kind: str | None = None
    delivery_id: UUID | None = None
    trigger_id: UUID | None = None
    trace_id: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None

    def takes(self, execution: Execution) -> bool:
        """Whether one that has ended now is wanted, whatever the time."""
        return all(getattr(self, name) in (None, getattr(execution, name)) for name in _OF_ITS_OWN)

    def clauses(self) -> list[ColumnElement[bool]]:
        wanted: list[tuple[Any, Callable[[Any], ColumnElement[bool]]]] = [
            (self.script, Execution.script.__eq__),
            (self.version, Execution.version.__eq__),
            (self.status, Execution.status.__eq__),
            (self.kind, Execution.kind.__eq__),
            (self.delivery_id, Execution.delivery_id.__eq__),
            (self.trigger_id, Execution.trigger_id.__eq__),
            (self.trace_id, Execution.trace_id.__eq__),
            (self.since, Execution.started_at.__ge__),
            (self.until, Execution.started_at.__lt__),
        ]
        return [compare(value) for value, compare in wanted if value is not None] + self._days()

    def _days(self) -> list[ColumnElement[bool]]:
        """Spares the look into days that hold nothing of this: an id is made when a run ends, and a trace has the id of
        its first event. A day is left for clocks and long runs."""
        since = [Execution.id >= lower_bound(self.since - _DAY)] if self.since else []
        until = [Execution.id < lower_bound(self.until + _DAY)] if self.until else []
        return [*since, *until, *([Execution.id >= a_day_before(self.trace_id)] if self.trace_id else [])]


class ExecutionService:
    def __init__(self, session: Session, app: App) -> None:
        self._session = session
        self._app = app

    def list(self, page: PageRequest, narrowed: ExecutionFilter) -> Page[Execution]:
        """Newest first, without what went in and came out."""
        return fetch(self._session, self._slim(narrowed), Execution.id, page, newest_first=True)

    def since(self, page: PageRequest, narrowed: ExecutionFilter) -> Page[Execution]:
        """As `list`, but oldest first."""
        return fetch(self._session, self._slim(narrowed), Execution.id, page)

    def get(self, execution_id: UUID | None) -> Execution:
        """Raises NotFound."""
        execution = self._session.get(Execution, execution_id) if execution_id else None
        if execution is None or execution.app_id != self._app.id:
            raise NotFound(f"The app {self._app.slug} has no such execution, or not any more.")
        return execution

    def _slim(self, narrowed: ExecutionFilter) -> Select[*tuple[Any, ...]]:
        query = select(Execution).where(Execution.app_id == self._app.id, *narrowed.clauses())
        return query.options(*without_bodies())

    def event(self, execution: Execution) -> Any:
        """What the handler saw as `ctx.event`; None when it is older than the events that are kept."""
        if execution.event is not None:
            return execution.event
        event = self._session.get(Event, execution.event_id)
        return event_shape(event) if event else None


def without_bodies() -> list[ORMOption]:
    """Options of a query that leaves off what went in and came out."""
    return [defer(Execution.event), defer(Execution.result), defer(Execution.logs), defer(Execution.host_calls)]


def event_shape(event: Event) -> dict[str, Any]:
    """An event as handlers see it, and as dead letters keep it."""
    return {
        "id": event.id,
        "kind": event.kind,
        "occurred_at": event.occurred_at,
        "trace_id": event.trace_id,
        "depth": event.depth,
        event.kind: event.payload,
    }
