"""Dead letters are delivered again, one or all that a filter names; and what was cancelled, after all."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta
from pyramid.request import Request

from picloud.domain.access import Capability
from picloud.domain.audit import Action
from picloud.security.accountability import audit
from picloud.services.delivery.deliveries import DeliveryService
from picloud.services.replays.replays import MAX_LETTERS, ReplayService, ReplayVersion
from picloud.views.api import api, json_body, optional_json_body, path_id, runtime, storing
from picloud.views.dead_letters import letter_id
from picloud.views.letter_filters import LetterFilter, narrowed


class Replay(msgspec.Struct, forbid_unknown_fields=True):
    """`version`: of the script, the active one or the one that failed. Its modules are those of now."""

    version: ReplayVersion = ReplayVersion.CURRENT


class ReplayMany(Replay, forbid_unknown_fields=True, kw_only=True):
    """`rate_per_s` spreads the deliveries over time; without it all are due at once."""

    filter: LetterFilter
    rate_per_s: Annotated[float, Meta(ge=0.01, le=10_000)] | None = None
    limit: Annotated[int, Meta(ge=1, le=MAX_LETTERS)] = MAX_LETTERS


@api("replay_dead_letter", "POST", Capability.DELIVERY_MANAGE)
@storing
def replay(request: Request) -> dict[str, Any]:
    version = optional_json_body(request, Replay).version
    wanted = letter_id(request)
    _replays(request).one(wanted, version)
    audit(request, Action.DEAD_LETTER_REPLAY, wanted, after={"version": version})
    request.response.status_int = 202
    return {"delivery_id": wanted, "status": "queued"}


@api("replay_dead_letters", "POST", Capability.DELIVERY_MANAGE)
@storing
def replay_many(request: Request) -> dict[str, Any]:
    body = json_body(request, ReplayMany)
    done = _replays(request).many(
        narrowed(body.filter),
        body.version,
        rate_per_s=body.rate_per_s,
        limit=body.limit,
        room=runtime(request).settings.backlog_max,
    )
    answer = {"replayed": done.replayed, "more": done.more, "version": body.version}
    audit(request, Action.DEAD_LETTER_REPLAY, "by filter", after=answer | {"filter": body.filter})
    request.response.status_int = 202
    return answer


@api("restore_delivery", "POST", Capability.DELIVERY_MANAGE)
@storing
def restore(request: Request) -> Any:
    """Takes a cancel back."""
    deliveries = DeliveryService(request.db, request.context.app)
    delivery = deliveries.get(path_id(request))
    _replays(request).revive(delivery.id)
    audit(request, Action.DELIVERY_RESTORE, delivery.id)
    request.response.status_int = 202
    return msgspec.to_builtins(deliveries.get(delivery.id))


def _replays(request: Request) -> ReplayService:
    return ReplayService(request.db, request.context.app.id, principal=request.identity)
