"""Deliveries as people see them. A live one is a row of the outbox; one that failed for good or was cancelled a dead
letter; a delivered one lives on in its executions.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, case, literal, null, select, union_all
from sqlalchemy.orm import Session

from picloud.domain.delivery import DeliveryState
from picloud.domain.errors import NotFound
from picloud.domain.ids import a_day_before
from picloud.models import App, DeadLetter, Event, Execution, Outbox, Script
from picloud.models.execution import ExecutionStatus
from picloud.services.paging import Page, PageRequest


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try. `manual`: somebody asked for it."""

    attempt: int
    started_at: datetime
    status: str
    error: Any
    execution_id: UUID
    manual: bool
    version: int | None


@dataclass(slots=True)
class Delivery:
    """`due_at`: when it is tried next; None for one that runs or has ended. `origin_id`: the delivery whose event somebody
    edited to make this one's."""

    id: UUID
    kind: str
    trigger_id: UUID | None
    script: str
    state: str
    attempt: int
    max_attempts: int
    due_at: datetime | None
    event_id: UUID
    trace_id: UUID | None
    origin_id: UUID | None = None
    attempts: list[Attempt] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class DeliveryFilter:
    """What a list of deliveries is narrowed to; None: not at all."""

    state: DeliveryState | None = None
    kind: str | None = None
    script: str | None = None
    trigger_id: UUID | None = None
    trace_id: UUID | None = None

    def of(self, source: Select[Any], key: ColumnElement[Any]) -> Select[Any]:
        """`source`, narrowed. Its columns are named as the fields here; `key` is the delivery's id."""
        given = {item.name: getattr(self, item.name) for item in fields(self)}
        columns = source.selected_columns
        if self.trace_id is not None:
            source = source.where(key >= a_day_before(self.trace_id))
        return source.where(*(columns[name] == value for name, value in given.items() if value is not None))


class DeliveryService:
    def __init__(self, session: Session, app: App) -> None:
        self._session = session
        self._app = app

    def list(self, page: PageRequest, narrowed: DeliveryFilter) -> Page[Delivery]:
        """Newest first."""
        newest = [self._newest(narrowed.of(source(self._app.id), key), key, page) for source, key in _SOURCES]
        together = union_all(*(select(part.subquery()) for part in newest)).subquery()
        rows = self._session.execute(select(together).order_by(together.c.id.desc()).limit(page.limit + 1)).all()
        deliveries = self._with_attempts(rows[: page.limit])
        return Page(deliveries, deliveries[-1].id if len(rows) > page.limit else None)

    def get(self, delivery_id: UUID | None) -> Delivery:
        """Raises NotFound."""
        for source, key in _SOURCES if delivery_id else ():
            row = self._session.execute(source(self._app.id).where(key == delivery_id)).first()
            if row is not None:
                return self._with_attempts([row])[0]
        raise NotFound(f"The app {self._app.slug} has no such delivery, or not any more.")

    def _newest(self, source: Select[Any], key: ColumnElement[Any], page: PageRequest) -> Select[Any]:
        """The newest of one source, so that no more than three pages are put together."""
        if page.after:
            source = source.where(key < page.after)
        return source.order_by(key.desc()).limit(page.limit + 1)

    def _with_attempts(self, rows: Sequence[Any]) -> Sequence[Delivery]:
        deliveries = {row.id: Delivery(**row._mapping) for row in rows}
        tries = select(
            Execution.delivery_id,
            Execution.attempt,
            Execution.started_at,
            Execution.status,
            Execution.error,
            Execution.id.label("execution_id"),
            Execution.manual,
            Execution.version,
        ).where(Execution.app_id == self._app.id, Execution.delivery_id.in_(deliveries))
        for row in self._session.execute(tries.order_by(Execution.id)):
            values = dict(row._mapping)
            deliveries[values.pop("delivery_id")].attempts.append(Attempt(**values))
        origins = self._origins([row.event_id for row in rows])
        for delivery in deliveries.values():
            delivery.origin_id = origins.get(delivery.event_id)
        return [deliveries[row.id] for row in rows]

    def _origins(self, event_ids: Sequence[UUID]) -> dict[UUID, UUID]:
        edited = select(Event.id, Event.origin_id).where(Event.id.in_(event_ids), Event.origin_id.is_not(None))
        return {row.id: row.origin_id for row in self._session.execute(edited)}


def _live(app_id: UUID) -> Select[Any]:
    state = case(
        (Outbox.epoch.is_not(None), literal(DeliveryState.RUNNING.value)),
        (Outbox.attempt > 0, literal(DeliveryState.RETRYING.value)),
        else_=literal(DeliveryState.READY.value),
    )
    due = case((Outbox.epoch.is_(None), Outbox.due), else_=null())
    return (
        select(
            Outbox.id,
            Outbox.source_kind.label("kind"),
            Outbox.trigger_id,
            Script.name.label("script"),
            state.label("state"),
            Outbox.attempt,
            Outbox.max_attempts,
            due.label("due_at"),
            Outbox.event_id,
            Event.trace_id,
        )
        .join(Script, Script.id == Outbox.script_id)
        .outerjoin(Event, Event.id == Outbox.event_id)
        .where(Outbox.app_id == app_id)
    )


def _ended(app_id: UUID) -> Select[Any]:
    state = case(
        (DeadLetter.state == "cancelled", literal(DeliveryState.CANCELLED.value)),
        else_=literal(DeliveryState.DEAD.value),
    )
    return (
        select(
            DeadLetter.id,
            DeadLetter.source_kind.label("kind"),
            DeadLetter.trigger_id,
            Script.name.label("script"),
            state.label("state"),
            DeadLetter.attempt,
            DeadLetter.max_attempts,
            null().cast(Outbox.due.type).label("due_at"),
            DeadLetter.event_id,
            DeadLetter.trace_id,
        )
        .join(Script, Script.id == DeadLetter.script_id)
        .where(DeadLetter.app_id == app_id)
    )


def _delivered(app_id: UUID) -> Select[Any]:
    return select(
        Execution.delivery_id.label("id"),
        Execution.kind,
        Execution.trigger_id,
        Execution.script,
        literal(DeliveryState.DELIVERED.value).label("state"),
        Execution.attempt,
        Execution.max_attempts,
        null().cast(Outbox.due.type).label("due_at"),
        Execution.event_id,
        Execution.trace_id,
    ).where(Execution.app_id == app_id, Execution.delivery_id.is_not(None), Execution.status == ExecutionStatus.OK)


_SOURCES: tuple[tuple[Callable[[UUID], Select[Any]], ColumnElement[Any]], ...] = (
    (_live, Outbox.id.expression),
    (_ended, DeadLetter.id.expression),
    (_delivered, Execution.delivery_id.expression),
)
