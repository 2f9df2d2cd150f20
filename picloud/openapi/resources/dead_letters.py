from typing import Any
from uuid import UUID

import msgspec

from picloud.domain.kinds import EventKind
from picloud.openapi.operation import PAGE, Moment, Operation, Queued, Resource, page
from picloud.openapi.resources.deliveries import Attempt


class DeadLetter(msgspec.Struct):
    """A delivery that used up its attempts or failed for good. `error` is that of the last attempt."""

    id: UUID
    delivery_id: UUID
    kind: EventKind
    trigger_id: UUID | None
    script: str
    attempt: int
    max_attempts: int
    error: Any
    failed_at: Moment


class FullDeadLetter(DeadLetter):
    """The dead letter with its event and all attempts."""

    event: Any
    attempts: list[Attempt]
    trace_id: UUID | None


DEAD_LETTERS = Resource(
    "dead letters",
    "What could not be delivered, kept until it is replayed or discarded.",
    (
        Operation(
            route="dead_letters",
            method="GET",
            id="list_dead_letters",
            summary="List an app's dead letters, newest first",
            query=PAGE,
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
            answers={202: Queued},
        ),
        Operation(route="dead_letter", method="DELETE", id="discard_dead_letter", summary="Discard a dead letter"),
    ),
)
