from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from picloud.domain import cron
from picloud.domain.cron import Missed, Overlap
from picloud.domain.kinds import TriggerKind
from picloud.models import CronTriggerDetails, Trigger
from picloud.services.sessions import wake_dispatcher
from picloud.services.triggers.triggers import CommonFields, TriggerService


class CronTriggerService:
    def __init__(self, session: Session, triggers: TriggerService) -> None:
        self._session = session
        self._triggers = triggers

    def create(
        self,
        fields: CommonFields,
        registered_by: UUID,
        *,
        schedule: str,
        timezone: str,
        missed: Missed,
        overlap: Overlap,
    ) -> Trigger:
        """Raises Invalid."""
        cron.check(schedule, timezone)
        trigger = self._triggers.create(TriggerKind.CRON, fields, registered_by)
        self._session.add(
            CronTriggerDetails(
                trigger_id=trigger.id, schedule=schedule, timezone=timezone, missed=missed, overlap=overlap
            )
        )
        self._session.flush()
        self.plan(trigger)
        return trigger

    def update(
        self,
        trigger: Trigger,
        *,
        schedule: str | None,
        timezone: str | None,
        missed: Missed | None,
        overlap: Overlap | None,
    ) -> None:
        """Change what is given. Raises Invalid."""
        details = self.details(trigger)
        cron.check(schedule or details.schedule, timezone or details.timezone)
        details.schedule = schedule or details.schedule
        details.timezone = timezone or details.timezone
        details.missed = missed or details.missed
        details.overlap = overlap or details.overlap
        self._session.flush()

    def plan(self, trigger: Trigger) -> None:
        """Set the next time, from now on; none for a trigger that is off."""
        details = self.details(trigger)
        now = self._now()
        details.next_at = cron.next_time(details.schedule, details.timezone, now) if trigger.enabled else None
        self._session.flush()
        wake_dispatcher(self._session)

    def next_times(self, trigger: Trigger, count: int) -> list[datetime]:
        """The next times after now, whether or not the trigger is on."""
        details = self.details(trigger)
        return cron.next_times(details.schedule, details.timezone, self._now(), count)

    def details(self, trigger: Trigger) -> CronTriggerDetails:
        return self._session.get_one(CronTriggerDetails, trigger.id)

    def _now(self) -> datetime:
        return self._session.execute(select(func.now())).scalar_one()
