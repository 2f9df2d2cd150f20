from typing import Any

from pyramid.request import Request
from pyramid.response import Response

from picloud.domain.access import Capability
from picloud.models import DeadLetter, Script
from picloud.services.dead_letters import DeadLetterService
from picloud.services.deliveries import DeliveryService
from picloud.views.api import api, page_request, page_shape, path_id
from picloud.views.deliveries import outbox_service


def shape(pair: tuple[DeadLetter, Script]) -> dict[str, Any]:
    letter, script = pair
    return {
        "id": letter.id,
        "delivery_id": letter.id,
        "kind": letter.source_kind,
        "trigger_id": letter.trigger_id,
        "script": script.name,
        "attempt": letter.attempt,
        "max_attempts": letter.max_attempts,
        "error": letter.error,
        "failed_at": letter.failed_at,
    }


@api("dead_letters", "GET", Capability.LOG_READ)
def index(request: Request) -> dict[str, Any]:
    return page_shape(DeadLetterService(request.db, request.context.app).list(page_request(request)), shape)


@api("dead_letter", "GET", Capability.LOG_READ)
def read(request: Request) -> dict[str, Any]:
    letter, script = DeadLetterService(request.db, request.context.app).get(path_id(request))
    delivery = DeliveryService(request.db, request.context.app).get(letter.id)
    return shape((letter, script)) | {
        "event": letter.event,
        "attempts": delivery.attempts,
        "trace_id": delivery.trace_id,
    }


@api("replay_dead_letter", "POST", Capability.DELIVERY_MANAGE)
def replay(request: Request) -> dict[str, Any]:
    letter, _ = DeadLetterService(request.db, request.context.app).get(path_id(request))
    delivery_id = outbox_service(request).replay(request.context.app.id, letter.id, principal=request.identity)
    request.response.status_int = 202
    return {"delivery_id": delivery_id, "status": "queued"}


@api("dead_letter", "DELETE", Capability.DELIVERY_MANAGE)
def discard(request: Request) -> Response:
    letter, _ = DeadLetterService(request.db, request.context.app).get(path_id(request))
    outbox_service(request).discard(request.context.app.id, letter.id)
    return Response(status=204)
