"""The outbox from the outside: put deliveries in, hurry them, take them out."""

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import TextClause
from sqlalchemy.orm import Session

from picloud.domain.delivery import RetryPolicy, check_depth
from picloud.domain.errors import Conflict, NotFound, Unavailable
from picloud.domain.ids import uuid7
from picloud.domain.kinds import EventKind
from picloud.services.backlogs import Room
from picloud.services.delivery import outbox_sql as sql
from picloud.services.sessions import listeners, wake_dispatcher
from picloud.services.sessions import session_factory as session_factory

_INSTEAD = {
    "dead": "Replay its dead letter instead.",
    "running": "Wait for the end of this attempt.",
}


class OutboxService:
    """Commit is the caller's. After it, the local dispatcher is woken: the session must come from `session_factory`."""

    def __init__(self, session: Session, *, backlog_max: int) -> None:
        self._session = session
        self._backlog_max = backlog_max

    def enqueue(
        self,
        *,
        app_id: UUID,
        script_id: UUID,
        kind: EventKind,
        payload: Mapping[str, Any],
        policy: RetryPolicy,
        trigger_id: UUID | None = None,
        principal_id: UUID | None = None,
        trace_id: UUID | None = None,
        depth: int = 0,
        delay_s: float = 0,
        order_key: str | None = None,
        origin_id: UUID | None = None,
    ) -> UUID:
        """Write an event and its delivery to one script. The delivery's id.

        `payload` is the part of `ctx.event` that is named after the kind. Raises Unavailable when the app's backlog is
        full, Invalid when the event is caused by more than MAX_DEPTH others in a row.
        """
        values = enqueue_values(
            app_id,
            script_id,
            kind,
            payload,
            policy,
            trigger_id=trigger_id,
            principal_id=principal_id,
            trace_id=trace_id,
            depth=depth,
            delay_s=delay_s,
            order_key=order_key,
            origin_id=origin_id,
            backlog_max=self._backlog_max,
        )
        self._insert(app_id, values)
        wake_dispatcher(self._session)
        delivery_id: UUID = values["id"]
        return delivery_id

    def _insert(self, app_id: UUID, values: dict[str, Any]) -> None:
        backlogs = listeners(self._session).backlogs
        room, started = backlogs.take(app_id), backlogs.now()
        row = None
        if room is not Room.NONE:
            row = self._session.execute(sql.ENQUEUE, values | {"room_known": room is Room.TAKEN}).first()
        if room is Room.UNKNOWN:
            waiting = None if row is None else row.waiting
            backlogs.counted(app_id, waiting, self._backlog_max, started)
        if row is None:
            raise Unavailable(f"{self._backlog_max} deliveries of the app wait already.", code="backlog_full")

    def retry_now(self, app_id: UUID, delivery_id: UUID) -> None:
        """Try a waiting delivery at once; the attempt is a manual one. Raises NotFound, Conflict."""
        self._change_waiting(sql.RETRY_NOW, app_id, delivery_id)
        wake_dispatcher(self._session)

    def cancel(self, app_id: UUID, delivery_id: UUID) -> None:
        """End a waiting delivery. Raises NotFound, and Conflict when it runs or has ended."""
        self._change_waiting(sql.CANCEL, app_id, delivery_id)
        wake_dispatcher(self._session)  # the next with its key need not wait any longer

    def discard(self, app_id: UUID, dead_letter_id: UUID) -> None:
        """Put a dead letter out of sight. Raises NotFound, Conflict."""
        self._change_waiting(sql.DISCARD, app_id, dead_letter_id)

    def restore(self, app_id: UUID, dead_letter_id: UUID) -> None:
        """Bring a discarded dead letter back. Raises NotFound, Conflict."""
        self._change_waiting(sql.RESTORE, app_id, dead_letter_id)

    def _change_waiting(self, statement: TextClause, app_id: UUID, delivery_id: UUID) -> None:
        if self._session.execute(statement, {"id": delivery_id, "app_id": app_id}).first() is None:
            raise self._why_not(app_id, delivery_id)

    def _why_not(self, app_id: UUID, delivery_id: UUID) -> Conflict | NotFound:
        state = self._session.execute(sql.STATE, {"id": delivery_id, "app_id": app_id}).scalar()
        if state is None:
            return NotFound("There is no such delivery any more.")
        return Conflict(f"The delivery is {state}. {_INSTEAD.get(state, '')}".rstrip())


def enqueue_values(
    app_id: UUID,
    script_id: UUID,
    kind: EventKind,
    payload: Mapping[str, Any],
    policy: RetryPolicy,
    *,
    backlog_max: int,
    trigger_id: UUID | None = None,
    principal_id: UUID | None = None,
    trace_id: UUID | None = None,
    depth: int = 0,
    delay_s: float = 0,
    order_key: str | None = None,
    origin_id: UUID | None = None,
) -> dict[str, Any]:
    """The parameters of ENQUEUE, with new ids. Raises Invalid when too many events cause each other in a row."""
    check_depth(depth)
    event_id = uuid7()
    return {
        "id": uuid7(),
        "event_id": event_id,
        "app_id": app_id,
        "script_id": script_id,
        "kind": kind.value,
        "payload": json.dumps(payload, separators=(",", ":")),
        "trigger_id": trigger_id,
        "principal_id": principal_id,
        "trace_id": trace_id or event_id,
        "depth": depth,
        "max_attempts": policy.max_attempts,
        "backoff_base_s": policy.backoff_base_s,
        "backoff_cap_s": policy.backoff_cap_s,
        "timeout_s": policy.timeout_s,
        "backlog_max": backlog_max,
        "room_known": False,
        "delay_s": delay_s,
        "order_key": order_key,
        "origin_id": origin_id,
    }
