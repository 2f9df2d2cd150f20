from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.orm import Session

from picloud.domain.errors import invalid
from picloud.domain.globs import GLOB_MAX_CHARS
from picloud.domain.kinds import TriggerKind
from picloud.domain.kv import KvOp
from picloud.models import KvTriggerDetails, Trigger
from picloud.services.triggers.triggers import CommonFields, TriggerService


class KvTriggerService:
    def __init__(self, session: Session, triggers: TriggerService) -> None:
        self._session = session
        self._triggers = triggers

    def create(
        self, fields: CommonFields, registered_by: UUID, *, collection_glob: str, key_glob: str, ops: Sequence[KvOp]
    ) -> Trigger:
        """Raises Invalid."""
        trigger = self._triggers.create(TriggerKind.KV, fields, registered_by)
        details = KvTriggerDetails(
            trigger_id=trigger.id, collection_glob=collection_glob, key_glob=key_glob, ops=list(ops)
        )
        self._session.add(_checked(details))
        self._session.flush()
        return trigger

    def update(
        self, trigger: Trigger, *, collection_glob: str | None, key_glob: str | None, ops: Sequence[KvOp] | None
    ) -> None:
        """Change what is given. Raises Invalid."""
        details = self.details(trigger)
        details.collection_glob = details.collection_glob if collection_glob is None else collection_glob
        details.key_glob = details.key_glob if key_glob is None else key_glob
        details.ops = details.ops if ops is None else list(ops)
        _checked(details)
        self._session.flush()

    def details(self, trigger: Trigger) -> KvTriggerDetails:
        return self._session.get_one(KvTriggerDetails, trigger.id)


def _checked(details: KvTriggerDetails) -> KvTriggerDetails:
    for name, glob in (("collection_glob", details.collection_glob), ("key_glob", details.key_glob)):
        if not 1 <= len(glob) <= GLOB_MAX_CHARS:
            raise invalid(f"/{name}", f"has to have 1 to {GLOB_MAX_CHARS} characters; * stands for any run of them")
    if not details.ops:
        raise invalid("/ops", f"has to name at least one of {', '.join(KvOp)}")
    details.ops = [op.value for op in KvOp if op in details.ops]
    return details
