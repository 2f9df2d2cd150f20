"""Dead letters are delivered again: one, or all that a filter names."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType
from pyramid.request import Request

from picloud.domain.access import Capability
from picloud.domain.audit import Action
from picloud.domain.errors import invalid
from picloud.domain.kinds import EventKind
from picloud.security.accountability import audit
from picloud.services.dead_letters.dead_letters import DeadLetterFilter
from picloud.services.replays.replays import MAX_LETTERS, ReplayService, ReplayVersion
from picloud.views.api import api, json_body, optional_json_body, runtime, utc_moment
from picloud.views.dead_letters import letter_id

Text = Annotated[str, Meta(min_length=1)]


class Replay(msgspec.Struct, forbid_unknown_fields=True):
    """`version`: of the script, the active one or the one that failed. Its modules are those of now."""

    version: ReplayVersion = ReplayVersion.CURRENT


class ReplayFilter(msgspec.Struct, forbid_unknown_fields=True):
    """Which dead letters; all conditions given have to hold, and `{}` means all. `source_kind` is `kind`, as the
    triggers on dead letters call it. `since` (included) and `until` (not) are about `failed_at`."""

    kind: EventKind | UnsetType = UNSET
    source_kind: EventKind | UnsetType = UNSET
    trigger_id: UUID | UnsetType = UNSET
    script: Text | UnsetType = UNSET
    trace_id: UUID | UnsetType = UNSET
    error_type: Text | UnsetType = UNSET
    error_contains: Text | UnsetType = UNSET
    since: datetime | UnsetType = UNSET
    until: datetime | UnsetType = UNSET
    ids: Annotated[list[UUID], Meta(min_length=1, max_length=1_000)] | UnsetType = UNSET


class ReplayMany(Replay, forbid_unknown_fields=True, kw_only=True):
    """`rate_per_s` spreads the deliveries over time; without it all are due at once."""

    filter: ReplayFilter
    rate_per_s: Annotated[float, Meta(ge=0.01, le=10_000)] | None = None
    limit: Annotated[int, Meta(ge=1, le=MAX_LETTERS)] = MAX_LETTERS


@api("replay_dead_letter", "POST", Capability.DELIVERY_MANAGE)
def replay(request: Request) -> dict[str, Any]:
    version = optional_json_body(request, Replay).version
    wanted = letter_id(request)
    _replays(request).one(wanted, version)
    audit(request, Action.DEAD_LETTER_REPLAY, wanted, after={"version": version})
    request.response.status_int = 202
    return {"delivery_id": wanted, "status": "queued"}


@api("replay_dead_letters", "POST", Capability.DELIVERY_MANAGE)
def replay_many(request: Request) -> dict[str, Any]:
    body = json_body(request, ReplayMany)
    done = _replays(request).many(
        _narrowed(body.filter),
        body.version,
        rate_per_s=body.rate_per_s,
        limit=body.limit,
        room=runtime(request).settings.backlog_max,
    )
    answer = {"replayed": done.replayed, "more": done.more, "version": body.version}
    audit(request, Action.DEAD_LETTER_REPLAY, "by filter", after=answer | {"filter": body.filter})
    request.response.status_int = 202
    return answer


def _narrowed(body: ReplayFilter) -> DeadLetterFilter:
    given = {name: value for name in body.__struct_fields__ if (value := getattr(body, name)) is not UNSET}
    kind = given.pop("source_kind", None)
    if kind is not None and given.setdefault("kind", kind) != kind:
        raise invalid("/filter/source_kind", "is another than `kind`; give one of them")
    for name in ("since", "until"):
        if name in given:
            given[name] = utc_moment(f"/filter/{name}", given[name])
    return DeadLetterFilter(**given)


def _replays(request: Request) -> ReplayService:
    return ReplayService(request.db, request.context.app.id, principal=request.identity)
