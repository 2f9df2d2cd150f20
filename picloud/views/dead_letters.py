from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec
from pyramid.request import Request
from pyramid.response import Response

from picloud.domain.access import Capability
from picloud.domain.errors import NotFound
from picloud.domain.kinds import EventKind
from picloud.models import DeadLetter, Script
from picloud.services.dead_letters.dead_letters import DeadLetterFilter, DeadLetterService
from picloud.services.dead_letters.export import exported
from picloud.services.delivery.deliveries import DeliveryService
from picloud.views.api import api, filter_text, page_request, page_shape, path_id, query_as, runtime
from picloud.views.strict_query import refuse_unknown

EXPORTED_MAX = 100_000


class LetterState(StrEnum):
    """A discarded one can be restored for as long as it is kept."""

    DEAD = "dead"
    DISCARDED = "discarded"


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
        "discarded_at": letter.closed_at,
    }


@api("dead_letters", "GET", Capability.LOG_READ)
def index(request: Request) -> dict[str, Any]:
    letters = DeadLetterService(request.db, request.context.app)
    return page_shape(letters.list(page_request(request), _narrowed(request)), shape)


@api("export_dead_letters", "GET", Capability.LOG_READ)
def export(request: Request) -> Response:
    narrowed, app = _narrowed(request), request.context.app
    refuse_unknown(request)
    letters = exported(runtime(request).sessions, app, narrowed, EXPORTED_MAX)
    lines = (
        msgspec.json.encode(shape((letter, script)) | {"event": event}) + b"\n" for letter, script, event in letters
    )
    response = Response(app_iter=lines, content_type="application/jsonl")
    response.content_disposition = f'attachment; filename="dead-letters-{app.slug}.jsonl"'
    return response


@api("dead_letter", "GET", Capability.LOG_READ)
def read(request: Request) -> dict[str, Any]:
    letter, script = DeadLetterService(request.db, request.context.app).get(path_id(request))
    delivery = DeliveryService(request.db, request.context.app).get(letter.id)
    return shape((letter, script)) | {"event": letter.event, "attempts": delivery.attempts}


def _narrowed(request: Request) -> DeadLetterFilter:
    return DeadLetterFilter(
        state=query_as(request, "state", LetterState) or LetterState.DEAD,
        kind=query_as(request, "kind", EventKind),
        trigger_id=query_as(request, "trigger_id", UUID),
        script=filter_text(request, "script"),
        trace_id=query_as(request, "trace_id", UUID),
        error_type=filter_text(request, "error_type"),
        error_contains=filter_text(request, "error_contains"),
        since=query_as(request, "since", datetime),
        until=query_as(request, "until", datetime),
    )


def letter_id(request: Request) -> UUID:
    """The id in the path. Raises NotFound for what is none."""
    found = path_id(request)
    if found is None:
        raise NotFound("There is no such dead letter.")
    return found
