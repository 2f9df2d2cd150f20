"""Which dead letters a body names."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from picloud.domain.errors import invalid
from picloud.domain.kinds import EventKind
from picloud.services.dead_letters.dead_letters import DeadLetterFilter
from picloud.views.api import utc_moment

Text = Annotated[str, Meta(min_length=1)]


class LetterFilter(msgspec.Struct, forbid_unknown_fields=True):
    """Which dead letters; all conditions given have to hold, and `{}` means all. `source_kind` is `kind`, as the
    triggers on dead letters call it. `since` (included) and `until` (not) are about `failed_at`; `discarded_at`: what one
    request discarded."""

    kind: EventKind | UnsetType = UNSET
    source_kind: EventKind | UnsetType = UNSET
    trigger_id: UUID | UnsetType = UNSET
    script: Text | UnsetType = UNSET
    trace_id: UUID | UnsetType = UNSET
    error_type: Text | UnsetType = UNSET
    error_contains: Text | UnsetType = UNSET
    since: datetime | UnsetType = UNSET
    until: datetime | UnsetType = UNSET
    discarded_at: datetime | UnsetType = UNSET
    ids: Annotated[list[UUID], Meta(min_length=1, max_length=1_000)] | UnsetType = UNSET


def narrowed(body: LetterFilter) -> DeadLetterFilter:
    """Raises Invalid."""
    given = {name: value for name in body.__struct_fields__ if (value := getattr(body, name)) is not UNSET}
    kind = given.pop("source_kind", None)
    if kind is not None and given.setdefault("kind", kind) != kind:
        raise invalid("/filter/source_kind", "is another than `kind`; give one of them")
    for name in ("since", "until", "discarded_at"):
        if name in given:
            given[name] = utc_moment(f"/filter/{name}", given[name])
    return DeadLetterFilter(**given)
