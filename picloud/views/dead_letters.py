from datetime import datetime
from typing import Any
from uuid import UUID

from pyramid.request import Request
from pyramid.response import Response

from picloud.domain.access import Capability
from picloud.domain.audit import Action
from picloud.domain.errors import NotFound
from picloud.domain.kinds import EventKind
from picloud.models import DeadLetter, Script
from picloud.security.accountability import audit
from picloud.services.dead_letters.dead_letters import DeadLetterFilter, DeadLetterService
from picloud.services.delivery.deliveries import DeliveryService
from picloud.views.api import api, page_request, page_shape, path_id, query_as, query_text
from picloud.views.deliveries import outbox_service


def shape(pair: tuple[DeadLetter, Script]) -> dict[str, Any]:
    letter, script = pair
    return {
        "id": letter.id,
        "delivery_id": letter.id,
        "kind": letter.source_kind,
        "trigger_id": letter.trigger_id,
        "script": script.name,
        "version": letter.version,
        "attempt": letter.attempt,
        "max_attempts": letter.max_attempts,
        "error": letter.error,
        "failed_at": letter.failed_at,
        "trace_id": letter.trace_id,
    }


@api("dead_letters", "GET", Capability.LOG_READ)
def index(request: Request) -> dict[str, Any]:
    narrowed = DeadLetterFilter(
        kind=query_as(request, "kind", EventKind),
        trigger_id=query_as(request, "trigger_id", UUID),
        script=query_text(request, "script"),
        trace_id=query_as(request, "trace_id", UUID),
        error_type=query_text(request, "error_type"),
        error_contains=query_text(request, "error_contains"),
        since=query_as(request, "since", datetime),
        until=query_as(request, "until", datetime),
    )
    letters = DeadLetterService(request.db, request.context.app)
    return page_shape(letters.list(page_request(request), narrowed), shape)


@api("dead_letter", "GET", Capability.LOG_READ)
def read(request: Request) -> dict[str, Any]:
    letter, script = DeadLetterService(request.db, request.context.app).get(path_id(request))
    delivery = DeliveryService(request.db, request.context.app).get(letter.id)
    return shape((letter, script)) | {"event": letter.event, "attempts": delivery.attempts}


@api("dead_letter", "DELETE", Capability.DELIVERY_MANAGE)
def discard(request: Request) -> Response:
    outbox_service(request).discard(request.context.app.id, letter_id(request))
    audit(request, Action.DEAD_LETTER_DISCARD, letter_id(request))
    return Response(status=204)


def letter_id(request: Request) -> UUID:
    """The id in the path. Raises NotFound for what is none."""
    found = path_id(request)
    if found is None:
        raise NotFound("There is no such dead letter.")
    return found
