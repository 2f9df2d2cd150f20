"""Dead letters are put out of sight, and brought back."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta
from pyramid.request import Request
from pyramid.response import Response

from picloud.domain.access import Capability
from picloud.domain.audit import Action
from picloud.security.accountability import audit
from picloud.services.dead_letters.dead_letters import DeadLetterService
from picloud.services.dead_letters.discards import DiscardService
from picloud.services.replays.replays import MAX_LETTERS
from picloud.views.api import api, json_body
from picloud.views.dead_letters import letter_id, shape
from picloud.views.deliveries import outbox_service
from picloud.views.letter_filters import LetterFilter, narrowed


class DiscardMany(msgspec.Struct, forbid_unknown_fields=True):
    filter: LetterFilter
    limit: Annotated[int, Meta(ge=1, le=MAX_LETTERS)] = MAX_LETTERS


@api("dead_letter", "DELETE", Capability.DELIVERY_MANAGE)
def discard(request: Request) -> Response:
    outbox_service(request).discard(request.context.app.id, letter_id(request))
    audit(request, Action.DEAD_LETTER_DISCARD, letter_id(request))
    return Response(status=204)


@api("discard_dead_letters", "POST", Capability.DELIVERY_MANAGE)
def discard_many(request: Request) -> dict[str, Any]:
    body = json_body(request, DiscardMany)
    done = DiscardService(request.db, request.context.app).discard(narrowed(body.filter), body.limit)
    answer = {"discarded": done.letters, "more": done.more, "discarded_at": done.at}
    audit(request, Action.DEAD_LETTER_DISCARD, "by filter", after=answer | {"filter": body.filter})
    return answer


@api("restore_dead_letter", "POST", Capability.DELIVERY_MANAGE)
def restore(request: Request) -> dict[str, Any]:
    outbox_service(request).restore(request.context.app.id, letter_id(request))
    audit(request, Action.DEAD_LETTER_RESTORE, letter_id(request))
    return shape(DeadLetterService(request.db, request.context.app).get(letter_id(request)))


@api("restore_dead_letters", "POST", Capability.DELIVERY_MANAGE)
def restore_many(request: Request) -> dict[str, Any]:
    body = json_body(request, DiscardMany)
    done = DiscardService(request.db, request.context.app).restore(narrowed(body.filter), body.limit)
    answer = {"restored": done.letters, "more": done.more}
    audit(request, Action.DEAD_LETTER_RESTORE, "by filter", after=answer | {"filter": body.filter})
    return answer
