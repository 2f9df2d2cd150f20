from typing import Any

from pyramid.request import Request

from picloud.models import Trigger
from picloud.services.triggers.queue import QueueTriggerService
from picloud.views.trigger_body import CommonBody, trigger_service


class NewQueueTrigger(CommonBody, kw_only=True):
    script: str
    queue: str


class QueueTriggerChange(CommonBody, kw_only=True):
    queue: str | None = None


class QueueTriggers:
    new: type[CommonBody] = NewQueueTrigger
    changed: type[CommonBody] = QueueTriggerChange

    def create(self, request: Request, body: NewQueueTrigger) -> tuple[Trigger, dict[str, Any]]:
        return _service(request).create(body.common(), request.identity.user_id, queue=body.queue), {}

    def change(self, request: Request, trigger: Trigger, body: QueueTriggerChange) -> dict[str, Any]:
        _service(request).update(trigger, queue=body.queue)
        return {}

    def details(self, request: Request, trigger: Trigger) -> dict[str, Any]:
        return {"queue": _service(request).details(trigger).queue}


def _service(request: Request) -> QueueTriggerService:
    return QueueTriggerService(request.db, trigger_service(request))
