"""A sample event for a trigger, delivered for real: what somebody sees who presses "test"."""

from typing import Any
from uuid import UUID

from msgspec import UNSET
from sqlalchemy.orm import Session

from picloud.domain.delivery import RetryPolicy
from picloud.domain.kinds import EventKind, TriggerKind
from picloud.models import CronTriggerDetails, KvTriggerDetails, QueueTriggerDetails, Trigger
from picloud.services.delivery.outbox import OutboxService
from picloud.services.events.parts import part
from picloud.services.events.samples import SAMPLES


class SampleEventService:
    def __init__(self, session: Session, outbox: OutboxService) -> None:
        self._session = session
        self._outbox = outbox

    def deliver(self, trigger: Trigger, given: Any = UNSET) -> UUID:
        """The delivery's id. `given`: fields of the event's part, instead of the sample's.

        A trigger that is off can be tried out too: that is when people want to. A sync one's event goes the way of the
        others, for there is no writer to hold up. Raises Invalid, Unavailable.
        """
        kind = EventKind(trigger.kind)
        policy = RetryPolicy(trigger.max_attempts, trigger.backoff_base_s, trigger.backoff_cap_s, trigger.timeout_s)
        return self._outbox.enqueue(
            app_id=trigger.app_id,
            script_id=trigger.script_id,
            kind=kind,
            payload=part(kind, given, SAMPLES[kind]() | self._own(trigger)),
            policy=policy,
            trigger_id=trigger.id,
            principal_id=trigger.registered_by,
        )

    def _own(self, trigger: Trigger) -> dict[str, Any]:
        """What this trigger's own events have."""
        if trigger.kind == TriggerKind.CRON:
            return {"schedule": self._session.get_one(CronTriggerDetails, trigger.id).schedule}
        if trigger.kind == TriggerKind.KV:
            kv = self._session.get_one(KvTriggerDetails, trigger.id)
            return {"op": kv.ops[0], "collection": _name(kv.collection_glob), "key": _name(kv.key_glob)}
        if trigger.kind == TriggerKind.QUEUE:
            return {"name": self._session.get_one(QueueTriggerDetails, trigger.id).queue}
        return {}


def _name(glob: str) -> str:
    """A name that the glob matches."""
    return glob.replace("*", "sample").replace("?", "x")
