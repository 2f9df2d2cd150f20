"""What happens inside an app becomes events for its triggers, in the transaction in which it happens."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from picloud.domain import queues
from picloud.domain.errors import NotFound
from picloud.domain.ids import uuid7
from picloud.domain.kinds import EventKind
from picloud.domain.kv import KvChange
from picloud.services.app_triggers import AppTriggers, TriggerCode
from picloud.services.outbox import OutboxService


@dataclass(frozen=True, slots=True)
class Cause:
    """The event that something comes of: what it causes carries on the trace, one deeper."""

    trace_id: UUID
    depth: int

    @classmethod
    def by_hand(cls) -> "Cause":
        """Somebody did it: what comes of it starts a trace."""
        return cls(uuid7(), -1)


class AppEvents:
    def __init__(
        self, session: Session, app_id: UUID, triggers: AppTriggers, cause: Cause, *, backlog_max: int
    ) -> None:
        self._outbox = OutboxService(session, backlog_max=backlog_max)
        self._app_id = app_id
        self._triggers = triggers
        self._cause = cause

    def kv_changed(self, change: KvChange) -> None:
        """Raises Invalid where too many events cause each other, Unavailable where the backlog is full."""
        payload = {name: getattr(change, name) for name in KvChange.__dataclass_fields__}
        for item in self._triggers.kv:
            if item.wants(change):
                self._enqueue(item.trigger, EventKind.KV, payload)

    def sent(self, queue: str, payload: Any, delay_s: float, key: str | None) -> None:
        """As `kv_changed`; and NotFound where nothing listens: a message that nobody will see is a mistake."""
        queues.check_name(queue)
        queues.check_message(delay_s, key)
        listening = [item.trigger for item in self._triggers.queue if item.queue == queue]
        if not listening:
            raise NotFound(f"no queue trigger that is on listens to {queue!r}")
        for trigger in listening:
            self._enqueue(trigger, EventKind.QUEUE, {"name": queue, "payload": payload}, delay_s, key)

    def _enqueue(
        self,
        trigger: TriggerCode,
        kind: EventKind,
        payload: Mapping[str, Any],
        delay_s: float = 0,
        order_key: str | None = None,
    ) -> None:
        self._outbox.enqueue(
            app_id=self._app_id,
            script_id=trigger.script_id,
            kind=kind,
            payload=payload,
            policy=trigger.policy,
            trigger_id=trigger.id,
            principal_id=trigger.registered_by,
            trace_id=self._cause.trace_id,
            depth=self._cause.depth + 1,
            delay_s=delay_s,
            order_key=order_key,
        )
