"""A sample event for a trigger, delivered for real: what somebody sees who presses "test"."""

from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from picloud.domain.clock import rfc3339, utc_now
from picloud.domain.delivery import RetryPolicy
from picloud.domain.kinds import EventKind, TriggerKind
from picloud.inbound.message import read
from picloud.models import CronTriggerDetails, KvTriggerDetails, QueueTriggerDetails, Trigger
from picloud.services.outbox import OutboxService


class SampleEventService:
    def __init__(self, session: Session, outbox: OutboxService) -> None:
        self._session = session
        self._outbox = outbox

    def deliver(self, trigger: Trigger) -> UUID:
        """The delivery's id. A trigger that is off can be tried out too. Raises Unavailable."""
        policy = RetryPolicy(trigger.max_attempts, trigger.backoff_base_s, trigger.backoff_cap_s, trigger.timeout_s)
        return self._outbox.enqueue(
            app_id=trigger.app_id,
            script_id=trigger.script_id,
            kind=EventKind(trigger.kind),
            payload=self._payload(trigger),
            policy=policy,
            trigger_id=trigger.id,
            principal_id=trigger.registered_by,
        )

    def _payload(self, trigger: Trigger) -> dict[str, Any]:
        now = rfc3339(utc_now())
        if trigger.kind == TriggerKind.EMAIL:
            return _email(now)
        if trigger.kind == TriggerKind.CRON:
            cron = self._session.get_one(CronTriggerDetails, trigger.id)
            return {"schedule": cron.schedule, "scheduled_for": now, "late_by_s": 0.0}
        if trigger.kind == TriggerKind.KV:
            kv = self._session.get_one(KvTriggerDetails, trigger.id)
            names = {"collection": _name(kv.collection_glob), "key": _name(kv.key_glob)}
            return {"op": kv.ops[0], **names, "value": "sample", "old_value": None}
        if trigger.kind == TriggerKind.QUEUE:
            queue = self._session.get_one(QueueTriggerDetails, trigger.id)
            return {"name": queue.queue, "payload": {"sample": True}}
        return _dead_letter(now)


def _name(glob: str) -> str:
    """A name that the glob matches."""
    return glob.replace("*", "sample").replace("?", "x")


def _email(now: str) -> dict[str, Any]:
    mail = {
        "from": "sample@example.com",
        "to": ["you@example.com"],
        "subject": "A sample from PiCloud",
        "text": "Nobody sent this: it is a test of the trigger.",
        "message_id": "<sample@example.com>",
        "received_at": now,
    }
    return read(mail)


def _dead_letter(now: str) -> dict[str, Any]:
    event = {"kind": EventKind.MANUAL, "occurred_at": now, "manual": {"sample": True}}
    error = {"type": "SampleError", "message": "Nothing failed: it is a test of the trigger."}
    return {"event": event, "error": error, "attempts": 1, "script": "sample", "failed_at": now}
