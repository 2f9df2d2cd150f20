from typing import Any, Literal
from uuid import UUID

import msgspec

from picloud.domain.kinds import EventKind
from picloud.openapi.operation import FILTER, PAGE, UNDO, Moment, Operation, Query, Queued, Resource, page
from picloud.openapi.resources.deliveries import Attempt
from picloud.services.replays.replays import ReplayVersion
from picloud.views.discards import DiscardMany
from picloud.views.replays import Replay, ReplayMany


class DeadLetter(msgspec.Struct):
    """A delivery that used up its attempts or failed for good. `error` is that of the last attempt, `version` what of
    the script ran last; null where it never ran."""

    id: UUID
    delivery_id: UUID
    kind: EventKind
    trigger_id: UUID | None
    script: str
    version: int | None
    attempt: int
    max_attempts: int
    error: Any
    failed_at: Moment
    trace_id: UUID | None
    discarded_at: Moment | None


class FullDeadLetter(DeadLetter):
    """The dead letter with its event and all attempts."""

    event: Any
    attempts: list[Attempt]


class Replayed(msgspec.Struct):
    """How many dead letters are deliveries again. `more`: others match too."""

    replayed: int
    more: bool
    version: ReplayVersion


class Discarded(msgspec.Struct):
    """How many dead letters are out of sight now. `discarded_at` names them all, to restore them. `more`: others match
    too."""

    discarded: int
    more: bool
    discarded_at: Moment


class Restored(msgspec.Struct):
    """How many are dead letters again. `more`: others match too."""

    restored: int
    more: bool


_FILTER = (
    Query("state", Literal["dead", "discarded"], "The discarded ones instead of those that can be replayed."),
    Query("kind", EventKind, "Only of events of this kind."),
    Query("trigger_id", UUID, "Only by this trigger."),
    Query("script", FILTER, "Only to the script with this name."),
    Query("trace_id", UUID, "Only of this trace: what one event has caused, and itself."),
    Query("error_type", FILTER, "Only with this type of error, such as `ValueError`."),
    Query("error_contains", FILTER, "Only with this text in the error's message."),
    Query("since", Moment, "Only failed for good at this moment or later."),
    Query("until", Moment, "Only failed for good before this moment."),
)


DEAD_LETTERS = Resource(
    "dead letters",
    "What could not be delivered, kept until it is replayed or discarded.",
    (
        Operation(
            route="dead_letters",
            method="GET",
            id="list_dead_letters",
            summary="List an app's dead letters, newest first",
            query=PAGE + _FILTER,
            answers={200: page(DeadLetter, "DeadLetterPage")},
        ),
        Operation(
            route="dead_letter",
            method="GET",
            id="get_dead_letter",
            summary="Show a dead letter with its event and attempts",
            answers={200: FullDeadLetter},
        ),
        Operation(
            route="replay_dead_letter",
            method="POST",
            id="replay_dead_letter",
            summary="Deliver a dead letter again",
            description="The delivery keeps its id, and its attempts count on: as many again, the first of them manual.",
            body=Replay,
            body_required=False,
            answers={202: Queued},
        ),
        Operation(
            route="replay_dead_letters",
            method="POST",
            id="replay_dead_letters",
            summary="Deliver again the dead letters that a filter names",
            description="Oldest first, and no more than the app's backlog has room for.",
            body=ReplayMany,
            example={"filter": {"kind": "email", "error_type": "ValueError"}, "rate_per_s": 10},
            answers={202: Replayed},
        ),
        Operation(
            route="export_dead_letters",
            method="GET",
            id="export_dead_letters",
            summary="Export dead letters with their events as JSON lines, oldest first",
            query=_FILTER,
            media="application/jsonl",
            answers={200: str},
        ),
        Operation(
            route="dead_letter",
            method="DELETE",
            id="discard_dead_letter",
            summary="Discard a dead letter",
            description=UNDO,
        ),
        Operation(
            route="discard_dead_letters",
            method="POST",
            id="discard_dead_letters",
            summary="Discard the dead letters that a filter names",
            description=UNDO,
            body=DiscardMany,
            example={"filter": {"error_type": "ValueError"}},
            answers={200: Discarded},
        ),
        Operation(
            route="restore_dead_letter",
            method="POST",
            id="restore_dead_letter",
            summary="Bring a discarded dead letter back",
            answers={200: DeadLetter},
        ),
        Operation(
            route="restore_dead_letters",
            method="POST",
            id="restore_dead_letters",
            summary="Bring back the discarded dead letters that a filter names",
            description="`discarded_at` in the filter undoes one discard.",
            body=DiscardMany,
            example={"filter": {"discarded_at": "2026-11-22T10:00:00.123456Z"}},
            answers={200: Restored},
        ),
    ),
)
