from typing import Any

from pyramid.request import Request

from picloud.domain import cron
from picloud.domain.cron import Missed, Overlap
from picloud.models import Trigger
from picloud.services.triggers.cron import CronTriggerService
from picloud.views.trigger_body import CommonBody, trigger_service

NEXT_TIMES = 5


class NewCronTrigger(CommonBody, kw_only=True):
    script: str
    schedule: str
    timezone: str = "UTC"
    missed: Missed = Missed.RUN_ONCE
    overlap: Overlap = Overlap.SKIP


class CronTriggerChange(CommonBody, kw_only=True):
    schedule: str | None = None
    timezone: str | None = None
    missed: Missed | None = None
    overlap: Overlap | None = None


class CronTriggers:
    new: type[CommonBody] = NewCronTrigger
    changed: type[CommonBody] = CronTriggerChange

    def create(self, request: Request, body: NewCronTrigger) -> tuple[Trigger, dict[str, Any]]:
        trigger = _service(request).create(
            body.common(),
            request.identity.user_id,
            schedule=body.schedule,
            timezone=body.timezone,
            missed=body.missed,
            overlap=body.overlap,
        )
        return trigger, {}

    def change(self, request: Request, trigger: Trigger, body: CronTriggerChange) -> dict[str, Any]:
        crons = _service(request)
        crons.update(trigger, schedule=body.schedule, timezone=body.timezone, missed=body.missed, overlap=body.overlap)
        if body.schedule or body.timezone or body.enabled is not None:
            crons.plan(trigger)
        return {}

    def details(self, request: Request, trigger: Trigger) -> dict[str, Any]:
        crons = _service(request)
        found = crons.details(trigger)
        return {
            "schedule": found.schedule,
            "timezone": found.timezone,
            "words": cron.in_words(found.schedule, found.timezone),
            "missed": found.missed,
            "overlap": found.overlap,
            "next_at": found.next_at,
            "next_times": crons.next_times(trigger, NEXT_TIMES),
        }


def plan(request: Request, trigger: Trigger) -> None:
    """Set its next time, from now on."""
    _service(request).plan(trigger)


def _service(request: Request) -> CronTriggerService:
    return CronTriggerService(request.db, trigger_service(request))
