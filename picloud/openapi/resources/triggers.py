from typing import Any

import msgspec

from picloud.openapi.operation import PAGE, UNDO, Operation, Resource, page
from picloud.openapi.resources import trigger_shapes as shapes
from picloud.openapi.resources.trigger_previews import PREVIEWS
from picloud.views.cron_triggers import CronTriggerChange, NewCronTrigger
from picloud.views.dead_letter_triggers import DeadLetterTriggerChange, NewDeadLetterTrigger
from picloud.views.email_triggers import EmailTriggerChange, NewEmailTrigger, Rotation
from picloud.views.kv_triggers import KvTriggerChange, NewKvTrigger
from picloud.views.queue_triggers import NewQueueTrigger, QueueTriggerChange
from picloud.views.triggers import NewSample

CHANGES = (KvTriggerChange, CronTriggerChange, EmailTriggerChange, DeadLetterTriggerChange, QueueTriggerChange)


def _create(kind: str, summary: str, body: type[msgspec.Struct], answer: Any, **example: Any) -> Operation:
    return Operation(
        route="triggers_of_kind",
        method="POST",
        at={"kind": kind},
        id=f"create_{kind}_trigger",
        summary=summary,
        body=body,
        example={"script": "work"} | example,
        answers={201: answer},
    )


TRIGGERS = Resource(
    "triggers",
    "What makes scripts run without a caller.",
    (
        Operation(
            route="triggers",
            method="GET",
            id="list_triggers",
            summary="List an app's triggers of all kinds",
            query=PAGE,
            answers={200: page(shapes.Trigger, "TriggerPage")},
        ),
        _create("kv", "Run a script for changes of the store", NewKvTrigger, shapes.KvTrigger, collection_glob="inbox"),
        _create("cron", "Run a script by the clock", NewCronTrigger, shapes.CronTrigger, schedule="*/5 * * * *"),
        _create("email", "Run a script for mail", NewEmailTrigger, shapes.EmailTrigger, inbound_secret="generate"),  # noqa: S106
        _create(
            "dead_letter",
            "Run a script for dead letters",
            NewDeadLetterTrigger,
            shapes.DeadLetterTrigger,
            source_kind="email",
        ),
        _create(
            "queue", "Run a script for what is sent to a queue", NewQueueTrigger, shapes.QueueTrigger, queue="jobs"
        ),
        Operation(
            route="trigger",
            method="GET",
            id="get_trigger",
            summary="Show a trigger",
            answers={200: shapes.Trigger},
            guarded=True,
        ),
        Operation(
            route="trigger",
            method="PATCH",
            id="update_trigger",
            summary="Change a trigger",
            description="The common fields, and those of the trigger's own kind.",
            body=CHANGES,
            example={"enabled": False},
            answers={200: shapes.Trigger},
            guarded=True,
        ),
        Operation(
            route="trigger",
            method="DELETE",
            id="delete_trigger",
            summary="Delete a trigger",
            description="What waits for delivery by it is still delivered. " + UNDO,
            guarded=True,
        ),
        Operation(
            route="restore_trigger",
            method="POST",
            id="restore_trigger",
            summary="Take back that a trigger was deleted",
            description="It is as it was, with its address and secrets. What would have set it off meanwhile is not made up for.",
            answers={200: shapes.Trigger},
        ),
        Operation(
            route="test_trigger",
            method="POST",
            id="test_trigger",
            summary="Deliver a sample event of the trigger's kind, for real",
            description="Also where the trigger is off. Fields of the event's part may be given. A mail is made as the trigger's "
            "provider makes it, and comes in by the trigger's own door. `Location` is where to follow the delivery.",
            body=NewSample,
            body_required=False,
            example={"event": {"kv": {"key": "mine"}}},
            answers={202: shapes.SentSample},
        ),
        Operation(
            route="trigger_requests",
            method="GET",
            id="list_trigger_requests",
            summary="Show what came to an email trigger's door",
            description="The last 50 requests, refused ones too, newest first; counters; and what is not as it should be.",
            answers={200: shapes.InboundRequests},
        ),
        Operation(
            route="rotate_secret",
            method="POST",
            id="rotate_trigger_secret",
            summary="Give an email trigger a new secret",
            description="The old one stays valid for `overlap_s` (24 hours without it).",
            body=Rotation,
            body_required=False,
            example={"overlap_s": 3600},
            answers={200: shapes.RotatedSecret},
        ),
        *PREVIEWS,
    ),
)
