from typing import Any
from uuid import UUID

from msgspec import UNSET, UnsetType
from pyramid.request import Request

from picloud.domain.kinds import EventKind
from picloud.models import Trigger
from picloud.services.triggers.dead_letter import DeadLetterTriggerService
from picloud.views.trigger_body import CommonBody, trigger_service


class NewDeadLetterTrigger(CommonBody, kw_only=True):
    script: str
    source_kind: EventKind | None = None
    source_trigger_id: UUID | None = None


class DeadLetterTriggerChange(CommonBody, kw_only=True):
    source_kind: EventKind | UnsetType | None = UNSET
    source_trigger_id: UUID | UnsetType | None = UNSET


class DeadLetterTriggers:
    new: type[CommonBody] = NewDeadLetterTrigger
    changed: type[CommonBody] = DeadLetterTriggerChange

    def create(self, request: Request, body: NewDeadLetterTrigger) -> tuple[Trigger, dict[str, Any]]:
        trigger = _service(request).create(
            body.common(),
            request.identity.user_id,
            source_kind=body.source_kind,
            source_trigger_id=body.source_trigger_id,
        )
        return trigger, {}

    def change(self, request: Request, trigger: Trigger, body: DeadLetterTriggerChange) -> dict[str, Any]:
        letters = _service(request)
        found = letters.details(trigger)
        kind = EventKind(found.source_kind) if found.source_kind else None
        letters.update(
            trigger,
            kind if isinstance(body.source_kind, UnsetType) else body.source_kind,
            found.source_trigger_id if isinstance(body.source_trigger_id, UnsetType) else body.source_trigger_id,
        )
        return {}

    def details(self, request: Request, trigger: Trigger) -> dict[str, Any]:
        found = _service(request).details(trigger)
        return {"source_kind": found.source_kind, "source_trigger_id": found.source_trigger_id}


def _service(request: Request) -> DeadLetterTriggerService:
    return DeadLetterTriggerService(request.db, trigger_service(request))
