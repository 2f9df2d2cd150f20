"""What came to the doors of email triggers, refused requests included: the last 50 of each trigger, and counters.

Requests are noted in memory and written once a second, so a stranger who is refused makes neither the database grow nor
it work: per trigger and second that is at most 50 rows in and as many out. A crash can lose the last second.
"""

import logging
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from threading import Lock, Timer
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from picloud.domain.ids import uuid7
from picloud.models import InboundCounter, InboundRequest

log = logging.getLogger(__name__)

SHOWN = 50
WRITE_S = 1.0
_TRIGGERS_MAX = 1_000
_DETAIL_MAX_CHARS = 3_000

# A trigger that was deleted meanwhile is passed over. The lock lets two processes write one trigger's rows in turn.
_LOCK_TRIGGER = text("SELECT id FROM triggers WHERE id = :trigger_id FOR KEY SHARE")
_TRIM = text("""
    DELETE FROM inbound_requests WHERE trigger_id = :trigger_id AND id NOT IN (
        SELECT id FROM inbound_requests WHERE trigger_id = :trigger_id ORDER BY id DESC LIMIT :most)
""")


@dataclass(frozen=True, slots=True)
class Noted:
    """One request. `outcome`: `accepted`, `duplicate`, `nothing`, or the problem's code."""

    at: datetime
    status: int
    outcome: str
    detail: str | None
    body_bytes: int
    client: str | None
    delivery_id: UUID | None = None
    id: UUID = field(default_factory=uuid7)


class _Pending:
    def __init__(self) -> None:
        self.requests: deque[Noted] = deque(maxlen=SHOWN)
        self.counts: Counter[str] = Counter()
        self.last_at: dict[str, datetime] = {}


class InboundRequests:
    """Of one process. A timer runs only while something waits to be written."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = Lock()
        self._writing = Lock()
        self._pending: dict[UUID, _Pending] = {}
        self._timer: Timer | None = None
        self._failing = False

    def note(self, trigger_id: UUID, noted: Noted) -> None:
        """Never waits, never fails. While the database is away, the newest requests are kept."""
        with self._lock:
            if trigger_id not in self._pending and len(self._pending) >= _TRIGGERS_MAX:
                return
            pending = self._pending.setdefault(trigger_id, _Pending())
            pending.requests.append(noted)
            pending.counts[noted.outcome] += 1
            pending.last_at[noted.outcome] = noted.at
            if self._timer is None:
                self._timer = Timer(WRITE_S, self.write)
                self._timer.daemon = True
                self._timer.start()

    def write(self) -> None:
        """Write now what waits. Afterwards all that was noted before can be read."""
        with self._writing:
            with self._lock:
                pending, self._pending = self._pending, {}
                timer, self._timer = self._timer, None
            if timer is not None:
                timer.cancel()
            if pending:
                self._write(pending)

    def _write(self, pending: dict[UUID, _Pending]) -> None:
        try:
            with self._engine.begin() as connection:
                connection.execute(text("SET LOCAL synchronous_commit = off"))
                for trigger_id in sorted(pending):
                    _write(connection, trigger_id, pending[trigger_id])
        except SQLAlchemyError as error:
            if not self._failing:  # said once: a full disk lasts, and each second another write fails
                log.warning("requests at email triggers not noted", exc_info=error)
            self._failing = True
        else:
            self._failing = False


def _write(connection: Connection, trigger_id: UUID, pending: _Pending) -> None:
    if connection.execute(_LOCK_TRIGGER, {"trigger_id": trigger_id}).first() is None:
        return
    rows = [_row(noted, trigger_id) for noted in pending.requests]
    connection.execute(insert(InboundRequest), rows)
    connection.execute(_TRIM, {"trigger_id": trigger_id, "most": SHOWN})
    for outcome, requests in sorted(pending.counts.items()):
        count = insert(InboundCounter).values(
            trigger_id=trigger_id, outcome=outcome, requests=requests, last_at=pending.last_at[outcome]
        )
        added = {"requests": InboundCounter.requests + requests, "last_at": count.excluded.last_at}
        connection.execute(count.on_conflict_do_update(index_elements=["trigger_id", "outcome"], set_=added))


def _row(noted: Noted, trigger_id: UUID) -> dict[str, Any]:
    detail = noted.detail and noted.detail.replace("\x00", "")[:_DETAIL_MAX_CHARS]
    return asdict(noted) | {"trigger_id": trigger_id, "detail": detail}


def last_requests(session: Session, trigger_id: UUID) -> Sequence[InboundRequest]:
    """Newest first."""
    query = select(InboundRequest).where(InboundRequest.trigger_id == trigger_id)
    return session.scalars(query.order_by(InboundRequest.id.desc()).limit(SHOWN)).all()


def counters(session: Session, trigger_id: UUID) -> Sequence[InboundCounter]:
    query = select(InboundCounter).where(InboundCounter.trigger_id == trigger_id)
    return session.scalars(query.order_by(InboundCounter.outcome)).all()
