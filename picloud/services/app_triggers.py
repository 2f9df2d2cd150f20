"""The triggers of an app that its own doings set off, in memory: on its store, its queues, its dead letters."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, select

from picloud.domain.delivery import RetryPolicy
from picloud.domain.globs import matches
from picloud.domain.kinds import EventKind
from picloud.domain.kv import KvChange
from picloud.models import DeadLetterTriggerDetails, KvTriggerDetails, QueueTriggerDetails, Trigger


@dataclass(frozen=True, slots=True)
class TriggerCode:
    """What a delivery takes over from its trigger."""

    id: UUID
    script_id: UUID
    registered_by: UUID
    policy: RetryPolicy


@dataclass(frozen=True, slots=True)
class KvTrigger:
    trigger: TriggerCode
    collection_glob: str
    key_glob: str
    ops: frozenset[str]

    def wants(self, change: KvChange) -> bool:
        return (
            change.op in self.ops
            and matches(self.collection_glob, change.collection)
            and matches(self.key_glob, change.key)
        )


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
    return connection.execute(query.where(Trigger.app_id == app_id, Trigger.enabled).order_by(Trigger.id)).all()


def _code(row: Any) -> TriggerCode:
    policy = RetryPolicy(row.max_attempts, row.backoff_base_s, row.backoff_cap_s, row.timeout_s)
    return TriggerCode(row.id, row.script_id, row.registered_by, policy)
