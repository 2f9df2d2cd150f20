"""What happens inside an app becomes events for its triggers, in the transaction in which it happens."""

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from picloud.domain import queues
from picloud.domain.ids import uuid7
from picloud.domain.kinds import DispatchMode, EventKind
from picloud.domain.kv import KvChange, check_nesting
from picloud.services.code.app_triggers import AppTriggers, TriggerCode
from picloud.services.delivery.outbox import OutboxService

Agree = Callable[[TriggerCode, Mapping[str, Any]], None]
"""Runs a sync trigger's handler on the event's part, now. Raises what undoes the change."""


@dataclass(frozen=True, slots=True)
class Cause:
    """The event that something comes of: what it causes carries on the trace, one deeper."""

    trace_id: UUID
    depth: int

    @classmethod
    def by_hand(cls) -> "Cause":
        """Somebody did it: what comes of it starts a trace."""
        return cls(uuid7(), -1)

    def next(self) -> "Cause":
        """The event that comes of it."""
        return Cause(self.trace_id, self.depth + 1)


class AppEvents:
    def __init__(
        self, session: Session, app_id: UUID, triggers: AppTriggers, cause: Cause, agree: Agree, *, backlog_max: int
    ) -> None:
        self._session = session
        self._outbox = OutboxService(session, backlog_max=backlog_max)
        self._app_id = app_id
        self._triggers = triggers
        self._cause = cause
        self._agree = agree

    def watches(self, collection: str, key: str) -> bool:
        return self._triggers.watch_kv(collection, key)

    def kv_changed(self, change: KvChange) -> None:
        """Raises Invalid where too many events cause each other, Unavailable where the backlog is full, and what a
        sync trigger's handler undoes the change with."""
        payload = payload_of(change)
        for trigger in self._triggers.on_kv(change):
            if trigger.dispatch_mode is DispatchMode.SYNC:
                self._agree(trigger, payload)
            else:
                self._enqueue(trigger, EventKind.KV, payload)

    def sent(self, queue: str, payload: Any, delay_s: float, key: str | None) -> None:
        """To all who listen, or to none. Raises Invalid, Unavailable, and NotFound where nothing listens."""
        listening = listeners(self._triggers, queue, payload, delay_s, key)
        with self._session.begin_nested() if len(listening) > 1 else nullcontext():
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


def payload_of(change: KvChange) -> dict[str, Any]:
    """The event's part `kv`."""
    return {name: getattr(change, name) for name in KvChange.__dataclass_fields__}


def listeners(triggers: AppTriggers, queue: str, payload: Any, delay_s: float, key: str | None) -> list[TriggerCode]:
    """Who gets the message. Raises Invalid; NotFound where nothing listens: what nobody will see is a mistake."""
    queues.check_name(queue)
    queues.check_message(delay_s, key)
    check_nesting("/payload", payload)
    return triggers.on_queue(queue)
