from uuid import UUID

from sqlalchemy.orm import Session

from picloud.domain.kinds import TriggerKind
from picloud.domain.queues import check_name
from picloud.models import QueueTriggerDetails, Trigger
from picloud.services.triggers.triggers import CommonFields, TriggerService


class QueueTriggerService:
    def __init__(self, session: Session, triggers: TriggerService) -> None:
        self._session = session
        self._triggers = triggers

    def create(self, fields: CommonFields, registered_by: UUID, *, queue: str) -> Trigger:
        """Raises Invalid."""
        check_name(queue)
        trigger = self._triggers.create(TriggerKind.QUEUE, fields, registered_by)
        self._session.add(QueueTriggerDetails(trigger_id=trigger.id, queue=queue))
        self._session.flush()
        return trigger

    def update(self, trigger: Trigger, *, queue: str | None) -> None:
        """Change what is given. Raises Invalid."""
        if queue is not None:
            check_name(queue)
            self.details(trigger).queue = queue
            self._session.flush()

    def details(self, trigger: Trigger) -> QueueTriggerDetails:
        return self._session.get_one(QueueTriggerDetails, trigger.id)
