from uuid import UUID

from sqlalchemy.orm import Session

from picloud.domain.errors import NotFound, invalid
from picloud.domain.kinds import EventKind, TriggerKind
from picloud.models import DeadLetterTriggerDetails, Trigger
from picloud.services.triggers.triggers import CommonFields, TriggerService


class DeadLetterTriggerService:
    def __init__(self, session: Session, triggers: TriggerService) -> None:
        self._session = session
        self._triggers = triggers

    def create(
        self,
        fields: CommonFields,
        registered_by: UUID,
        *,
        source_kind: EventKind | None,
        source_trigger_id: UUID | None,
    ) -> Trigger:
        """Raises Invalid."""
        self._check(source_kind, source_trigger_id)
        trigger = self._triggers.create(TriggerKind.DEAD_LETTER, fields, registered_by)
        self._session.add(
            DeadLetterTriggerDetails(
                trigger_id=trigger.id, source_kind=source_kind, source_trigger_id=source_trigger_id
            )
        )
        self._session.flush()
        return trigger

    def update(self, trigger: Trigger, source_kind: EventKind | None, source_trigger_id: UUID | None) -> None:
        """Both at once; None: all. Raises Invalid."""
        self._check(source_kind, source_trigger_id)
        details = self.details(trigger)
        details.source_kind, details.source_trigger_id = source_kind, source_trigger_id
        self._session.flush()

    def details(self, trigger: Trigger) -> DeadLetterTriggerDetails:
        return self._session.get_one(DeadLetterTriggerDetails, trigger.id)

    def _check(self, source_kind: EventKind | None, source_trigger_id: UUID | None) -> None:
        if source_kind == EventKind.DEAD_LETTER:
            raise invalid("/source_kind", "a failed dead-letter handler makes no further dead-letter event")
        if source_trigger_id is not None:
            try:
                source = self._triggers.get(source_trigger_id)
            except NotFound as error:
                raise invalid("/source_trigger_id", error.detail) from None
            if source.kind == TriggerKind.DEAD_LETTER:
                raise invalid("/source_trigger_id", "a failed dead-letter handler makes no further dead-letter event")
            if source_kind not in (None, source.kind):
                raise invalid("/source_kind", f"is not that of the trigger {source.id}, whose kind is {source.kind}")
