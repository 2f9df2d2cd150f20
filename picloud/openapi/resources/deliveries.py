from typing import Any
from uuid import UUID

import msgspec

from picloud.domain.delivery import DeliveryState
from picloud.domain.kinds import EventKind
from picloud.models import ExecutionStatus
from picloud.openapi.operation import FILTER, PAGE, UNDO, Moment, Operation, Query, Queued, Resource, page
from picloud.openapi.resources.executions import RunError
from picloud.views.deliveries import Resend


class Attempt(msgspec.Struct):
    """One try. `manual`: somebody asked for it."""

    attempt: int
    started_at: Moment
    status: ExecutionStatus
    error: RunError | None
    execution_id: UUID
    manual: bool
    version: int | None


class Delivery(msgspec.Struct):
    """One event on its way to one script. `due_at`: when it is tried next; null for one that runs or has ended.
    `origin_id`: the delivery that it was made from with an edited event; null for others."""

    id: UUID
    kind: EventKind
    trigger_id: UUID | None
    script: str
    state: DeliveryState
    attempt: int
    max_attempts: int
    due_at: Moment | None
    event_id: UUID
    trace_id: UUID | None
    origin_id: UUID | None
    attempts: list[Attempt]


class FullDelivery(Delivery):
    """The delivery with its event, as handlers see it; null where that is not kept any more."""

    event: Any


_FILTER = (
    Query("state", DeliveryState, "Only in this state."),
    Query("kind", EventKind, "Only for events of this kind."),
    Query("script", FILTER, "Only to the script with this name."),
    Query("trigger_id", UUID, "Only by this trigger."),
    Query("trace_id", UUID, "Only of this trace: what one event has caused, and itself."),
)

DELIVERIES = Resource(
    "deliveries",
    "Events on their way to scripts, with their attempts.",
    (
        Operation(
            route="deliveries",
            method="GET",
            id="list_deliveries",
            summary="List an app's deliveries, newest first",
            query=PAGE + _FILTER,
            answers={200: page(Delivery, "DeliveryPage")},
        ),
        Operation(
            route="delivery",
            method="GET",
            id="get_delivery",
            summary="Show a delivery with its event",
            answers={200: FullDelivery},
        ),
        Operation(
            route="retry_delivery",
            method="POST",
            id="retry_delivery",
            summary="Try a waiting delivery now",
            answers={202: Delivery},
        ),
        Operation(
            route="cancel_delivery",
            method="POST",
            id="cancel_delivery",
            summary="Cancel a waiting delivery",
            description=UNDO,
            answers={200: Delivery},
        ),
        Operation(
            route="restore_delivery",
            method="POST",
            id="restore_delivery",
            summary="Take back that a delivery was cancelled",
            description="It waits again as it did, with the attempts that it had, until it is due.",
            answers={202: Delivery},
        ),
        Operation(
            route="resend_delivery",
            method="POST",
            id="resend_delivery",
            summary="Send a delivery's event again, with changes",
            description="A delivery of its own in the same trace, whatever became of the first. What the body leaves out is "
            "as it was.",
            body=Resend,
            body_required=False,
            example={"event": {"queue": {"payload": {"order": 8}}}},
            answers={202: Queued},
        ),
    ),
)
