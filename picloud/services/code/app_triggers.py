"""The triggers of an app that its own doings set off, in memory: on its store, its queues, its dead letters."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, select

from picloud.domain.delivery import RetryPolicy
from picloud.domain.errors import NotFound
from picloud.domain.globs import matches
from picloud.domain.kinds import DispatchMode, EventKind
from picloud.domain.kv import KvChange
from picloud.models import DeadLetterTriggerDetails, KvTriggerDetails, QueueTriggerDetails, Trigger


@dataclass(frozen=True, slots=True)
class TriggerCode:
    """What a delivery takes over from its trigger."""

    id: UUID
    script_id: UUID
    registered_by: UUID
    policy: RetryPolicy
    dispatch_mode: DispatchMode


@dataclass(frozen=True, slots=True)
class KvTrigger:
    trigger: TriggerCode
    collection_glob: str
    key_glob: str
    ops: frozenset[str]

    def watches(self, collection: str, key: str) -> bool:
        return matches(self.collection_glob, collection) and matches(self.key_glob, key)

    def wants(self, change: KvChange) -> bool:
        return change.op in self.ops and self.watches(change.collection, change.key)


@dataclass(frozen=True, slots=True)
class QueueTrigger:
    trigger: TriggerCode
    queue: str


@dataclass(frozen=True, slots=True)
class DeadLetterTrigger:
    trigger: TriggerCode
    source_kind: str | None
    source_trigger_id: UUID | None

    def wants(self, kind: EventKind, trigger_id: UUID | None) -> bool:
        """A dead-letter handler's own failure sets off nothing."""
        return (
            kind is not EventKind.DEAD_LETTER
            and self.source_kind in (None, kind.value)
            and self.source_trigger_id in (None, trigger_id)
        )


@dataclass(frozen=True, slots=True)
class AppTriggers:
    """Those that are enabled."""

    kv: tuple[KvTrigger, ...]
    queue: tuple[QueueTrigger, ...]
    dead_letter: tuple[DeadLetterTrigger, ...]

    def watch_kv(self, collection: str, key: str) -> bool:
        """Whether some change of this entry sets one off."""
        return any(item.watches(collection, key) for item in self.kv)

    def agree_on_kv(self, collection: str, key: str) -> bool:
        """Whether a change of this entry may have to wait for the handler of one."""
        sync = (item for item in self.kv if item.trigger.dispatch_mode is DispatchMode.SYNC)
        return any(item.watches(collection, key) for item in sync)

    def on_kv(self, change: KvChange) -> list[TriggerCode]:
        """Those that the change sets off."""
        return [item.trigger for item in self.kv if item.wants(change)]

    def on_queue(self, queue: str) -> list[TriggerCode]:
        """Those that listen. Raises NotFound where nothing does: a message that nobody will see is a mistake."""
        listening = [item.trigger for item in self.queue if item.queue == queue]
        if not listening:
            raise NotFound(f"no queue trigger that is on listens to {queue!r}")
        return listening

    @classmethod
    def load(cls, connection: Connection, app_id: UUID) -> "AppTriggers":
        kv = _load(connection, app_id, KvTriggerDetails)
        queue = _load(connection, app_id, QueueTriggerDetails)
        letters = _load(connection, app_id, DeadLetterTriggerDetails)
        return cls(
            tuple(KvTrigger(_code(row), row.collection_glob, row.key_glob, frozenset(row.ops)) for row in kv),
            tuple(QueueTrigger(_code(row), row.queue) for row in queue),
            tuple(DeadLetterTrigger(_code(row), row.source_kind, row.source_trigger_id) for row in letters),
        )


def _load(connection: Connection, app_id: UUID, details: Any) -> Sequence[Any]:
    joined = Trigger.__table__.join(details.__table__, Trigger.id == details.trigger_id)
    query = select(Trigger.__table__, details.__table__).select_from(joined)
    on = query.where(Trigger.app_id == app_id, Trigger.enabled, Trigger.deleted_at.is_(None))
    return connection.execute(on.order_by(Trigger.id)).all()


def _code(row: Any) -> TriggerCode:
    policy = RetryPolicy(row.max_attempts, row.backoff_base_s, row.backoff_cap_s, row.timeout_s)
    return TriggerCode(row.id, row.script_id, row.registered_by, policy, DispatchMode(row.dispatch_mode))
