"""Dead letters go back to the outbox as the deliveries that they were: same id, attempts counted on, as many again."""

import json
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, select
from sqlalchemy.orm import Session

from picloud.domain.errors import Conflict, NotFound, Unavailable
from picloud.models import DeadLetter
from picloud.services.array_literal import array_literal
from picloud.services.dead_letters.dead_letters import DeadLetterFilter
from picloud.services.principals import Principal
from picloud.services.replays import sql
from picloud.services.replays.lock import HOLD_EVENTS
from picloud.services.sessions import wake_dispatcher

log = logging.getLogger(__name__)

BATCH = 1_000
MAX_LETTERS = 100_000
CHUNK_BYTES = 4 * 1024 * 1024
"""Size of the events that are in memory at a time; a larger one is alone."""


class ReplayVersion(StrEnum):
    """What is to run: the script's active version, or the one that failed last. Modules are the present ones."""

    CURRENT = "current"
    ORIGINAL = "original"


@dataclass(frozen=True, slots=True)
class Replayed:
    """How many dead letters went back, and whether more match."""

    replayed: int
    more: bool


class ReplayService:
    """Commit is the caller's. After it, the local dispatcher is woken: the session must come from `session_factory`."""

    def __init__(self, session: Session, app_id: UUID, *, principal: Principal) -> None:
        self._session = session
        self._app_id = app_id
        self._principal = principal

    def one(self, letter_id: UUID, version: ReplayVersion) -> None:
        """Raises NotFound, and Conflict where it can't be replayed, or not any more."""
        self._session.execute(HOLD_EVENTS)
        letter = self._session.execute(sql.LOCK, {"id": letter_id, "app_id": self._app_id}).one_or_none()
        if letter is None or letter.state != "dead":
            raise self._why_not(letter_id, letter.state if letter else None)
        if version is ReplayVersion.ORIGINAL and letter.version is None:
            raise Conflict("The delivery never ran: there is no original version.", code="no_original_version")
        if not self._bring_back([letter_id], version):
            raise Conflict("The dead letter's event is not kept any more.", code="event_gone")
        self._tell(1, version)

    def revive(self, delivery_id: UUID) -> None:
        """A cancelled delivery waits again as it did: the undo. Raises NotFound, and Conflict where it can't."""
        self._session.execute(HOLD_EVENTS)
        letter = self._session.execute(sql.LOCK, {"id": delivery_id, "app_id": self._app_id}).one_or_none()
        if letter is None or letter.state != "cancelled":
            raise Conflict("The delivery is not cancelled: there is nothing to take back.")
        if any(
            self._restore([row.id]) for row in self._session.execute(sql.WITHOUT_EVENT, {"ids": [delivery_id]}).all()
        ):
            raise Conflict("The delivery's event is not kept any more.", code="event_gone")
        self._session.execute(sql.REVIVE, {"id": delivery_id})
        wake_dispatcher(self._session)

    def many(
        self, narrowed: DeadLetterFilter, version: ReplayVersion, *, rate_per_s: float | None, limit: int, room: int
    ) -> Replayed:
        """Oldest first, at most `limit` and as many as the app's backlog has `room` for; `rate_per_s` spreads them.

        What somebody else replays or discards right now is left to them, and so is what can't be replayed: without an
        event, or, on the original version, without a run. Raises Unavailable where there is no room at all.
        """
        room -= self._session.execute(sql.BACKLOG, {"app_id": self._app_id, "most": room}).scalar_one()
        if room <= 0:
            raise Unavailable("As many deliveries of the app wait as may.", code="backlog_full")
        self._session.execute(HOLD_EVENTS)
        clauses = narrowed.clauses(self._app_id)
        if version is ReplayVersion.ORIGINAL:
            clauses.append(DeadLetter.version.is_not(None))
        limit, replayed, after = min(limit, room), 0, UUID(int=0)
        while ids := self._next(clauses, after, min(BATCH, limit - replayed)):
            replayed += self._bring_back(ids, version, replayed, 1 / rate_per_s if rate_per_s else 0.0)
            after = ids[-1]
        more = bool(limit == replayed and self._next(clauses, after, 1))
        self._tell(replayed, version)
        return Replayed(replayed, more)

    def _next(self, clauses: Sequence[ColumnElement[bool]], after: UUID, most: int) -> Sequence[UUID]:
        query = select(DeadLetter.id).where(*clauses, DeadLetter.id > after).order_by(DeadLetter.id).limit(most)
        return self._session.scalars(query.with_for_update(skip_locked=True)).all()

    def _bring_back(self, ids: Sequence[UUID], version: ReplayVersion, before: int = 0, pause_s: float = 0.0) -> int:
        """The letters are locked. How many of them went back: those whose event is there, or could be restored."""
        missing = self._session.execute(sql.WITHOUT_EVENT, {"ids": list(ids)}).all()
        lost = {letter_id for chunk in _chunks(missing) for letter_id in self._restore(chunk)}
        kept = [letter_id for letter_id in ids if letter_id not in lost]
        values = {"ids": kept, "original": version is ReplayVersion.ORIGINAL, "before": before, "pause_s": pause_s}
        return len(self._session.execute(sql.BRING_BACK, values).all())

    def _restore(self, letter_ids: Sequence[UUID]) -> list[UUID]:
        """Write the letters' copies of their events back to the events. The ids of those that have none."""
        copies = {row.id: row.event for row in self._session.execute(sql.COPIES, {"ids": list(letter_ids)})}
        events = [copy for copy in copies.values() if copy is not None]
        values = {
            "ids": array_literal(event["id"] for event in events),
            "kinds": array_literal(event["kind"] for event in events),
            "moments": array_literal(event["occurred_at"] for event in events),
            "payloads": array_literal(json.dumps(event[event["kind"]]) for event in events),
            "traces": array_literal(event["trace_id"] for event in events),
            "depths": array_literal(event["depth"] for event in events),
        }
        self._session.execute(sql.RESTORE, values | {"app_id": self._app_id})
        return [letter_id for letter_id, copy in copies.items() if copy is None]

    def _why_not(self, letter_id: UUID, state: str | None) -> Conflict | NotFound:
        if state:
            return Conflict(f"The delivery was {state}: it can't be replayed.")
        back = self._session.execute(sql.IS_BACK, {"id": letter_id, "app_id": self._app_id}).scalar()
        return Conflict("It was replayed already.") if back else NotFound("There is no such dead letter.")

    def _tell(self, replayed: int, version: ReplayVersion) -> None:
        wake_dispatcher(self._session)
        fields: dict[str, Any] = {"app_id": str(self._app_id), "deliveries": replayed, "version": version.value}
        log.info("replayed", extra={"fields": fields | {"user_id": str(self._principal.user_id)}})


def _chunks(sizes: Iterable[Row[UUID, int]]) -> Iterator[list[UUID]]:
    chunk, chunk_bytes = list[UUID](), 0
    for letter_id, size_bytes in sizes:
        if chunk and chunk_bytes + size_bytes > CHUNK_BYTES:
            yield chunk
            chunk, chunk_bytes = [], 0
        chunk.append(letter_id)
        chunk_bytes += size_bytes
    if chunk:
        yield chunk
