"""A delivery in our hands."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Engine, text

from picloud.dispatcher.verdict import Attempts
from picloud.domain.delivery import RetryPolicy
from picloud.domain.kinds import EventKind
from picloud.services.array_literal import array_literal

_PAYLOAD = "SELECT payload::text FROM events WHERE id = :id"

_uuid = lru_cache(maxsize=4096)(UUID)

LOST = {
    "type": "Lost",
    "message": "The node that ran it died or was away for longer than its lease.",
    "line": None,
    "traceback": "",
}


@dataclass(slots=True, eq=False)
class Claimed:
    """Ids that only pass through are text: making UUIDs of them takes time.

    `payload` is JSON text; None for a large one, which is loaded when it is needed, or one that is not kept any more.
    """

    id: str
    app_id: UUID
    script_id: UUID
    event_id: str
    kind: EventKind
    trigger_id: str | None
    principal: str | None
    attempts: Attempts
    timeout_s: float
    manual: bool
    occurred_at: str
    trace_id: str
    depth: int
    payload: str | None
    lost_before: bool
    epoch: int
    permitted: bool
    """Whether who registered the trigger may still have it run."""
    holds_back: bool = False
    """Others may have to wait for its end: those with its key, or of an app or a script with a cap."""
    forsaken: bool = False
    """Another node has taken it: not worth starting."""

    @property
    def key(self) -> tuple[str, int]:
        return self.id, self.attempts.attempt

    def event(self, payload: str) -> dict[str, Any]:
        """What the handler sees as `ctx.event`."""
        return {
            "id": self.event_id,
            "kind": self.kind,
            "attempt": self.attempts.attempt,
            "occurred_at": self.occurred_at,
            "trace_id": self.trace_id,
            "depth": self.depth,
            self.kind.value: msgspec.Raw(payload.encode()),
        }


def claimed(epoch: int, row: Sequence[Any]) -> Claimed:
    """From the first columns that CLAIM returns."""
    (id_, app_id, script_id, event_id, kind, trigger_id, principal, attempt, max_attempts, policy_attempts) = row[:10]
    (base_s, cap_s, timeout_s, manual, occurred_at, trace_id, depth, payload, lost_epoch, permitted) = row[10:20]
    return Claimed(
        id_,
        _uuid(app_id),
        _uuid(script_id),
        event_id,
        EventKind(kind),
        trigger_id,
        principal,
        Attempts(attempt, max_attempts, RetryPolicy(policy_attempts, base_s, cap_s, timeout_s)),
        timeout_s,
        manual,
        occurred_at or "",
        trace_id or event_id,
        depth or 0,
        payload,
        lost_epoch is not None,
        epoch,
        bool(permitted),
        holds_back=row[20],
    )


def load_payload(engine: Engine, event_id: str) -> str | None:
    """A payload that was too large to be claimed with its delivery. None: it is not kept any more."""
    with engine.connect() as connection:
        found: str | None = connection.execute(text(_PAYLOAD), {"id": event_id}).scalar_one_or_none()
        return found


def by_key(rows: Sequence[Claimed]) -> tuple[str, str]:
    """Ids and attempts as two arrays: with the epoch, the fence of every change to a delivery in hand."""
    return array_literal(row.id for row in rows), array_literal(row.attempts.attempt for row in rows)
