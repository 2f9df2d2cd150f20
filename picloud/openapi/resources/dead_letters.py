from typing import Any
from uuid import UUID

import msgspec

from picloud.domain.kinds import EventKind
from picloud.openapi.operation import PAGE, Moment, Operation, Query, Queued, Resource, page
from picloud.openapi.resources.deliveries import Attempt
from picloud.services.replays.replays import ReplayVersion
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


class FullDeadLetter(DeadLetter):
    """The dead letter with its event and all attempts."""

    event: Any
    attempts: list[Attempt]


class Replayed(msgspec.Struct):
    """How many dead letters are deliveries again. `more`: others match too."""

    replayed: int
    more: bool
    version: ReplayVersion


_FILTER = (
    Query("kind", EventKind, "Only of events of this kind."),
    Query("trigger_id", UUID, "Only by this trigger."),
    Query("script", str, "Only to the script with this name."),
    Query("trace_id", UUID, "Only of this trace: what one event has caused, and itself."),
    Query("error_type", str, "Only with this type of error, such as `ValueError`."),
    Query("error_contains", str, "Only with this text in the error's message."),
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
        Operation(route="dead_letter", method="DELETE", id="discard_dead_letter", summary="Discard a dead letter"),
    ),
)
