import msgspec

from picloud.domain.notices import Channel, Condition
from picloud.openapi.operation import Moment, Operation, Resource
from picloud.openapi.resources.limits import EffectiveLimits
from picloud.views.notifications import NotificationChange


class HeldNotice(msgspec.Struct):
    """What holds. `sent_at`: when it was told last; `error`: why it could not be."""

    condition: Condition
    detail: str
    since: Moment
    sent_at: Moment | None
    error: str | None


class Notifications(msgspec.Struct):
    """Whom to tell of trouble. `channel` and `url` are null where nobody is told."""

    channel: Channel | None
    url: str | None
    has_token: bool
    conditions: list[Condition]
    mail_silent_h: int
    notices: list[HeldNotice]


class TestedNotification(msgspec.Struct):
    sent: bool
    error: str | None


class KeptDays(msgspec.Struct):
    """How long history is kept, and how much of it."""

    events_keep_days: int
    executions_keep_days: int
    closed_keep_days: int
    audit_keep_days: int
    history_max_bytes: int


class Instance(msgspec.Struct):
    """`limits`: of a run, where neither app nor script has tighter ones."""

    version: str
    public_url: str
    master_key_fingerprint: str
    limits: EffectiveLimits
    retention: KeptDays


INSTANCE = Resource(
    "instance",
    "How this PiCloud is set up, and whom it tells of trouble.",
    (
        Operation(
            route="instance", method="GET", id="get_instance", summary="Show how it is set up", answers={200: Instance}
        ),
        Operation(
            route="notifications",
            method="GET",
            id="get_notifications",
            summary="Show whom it tells of trouble, and what holds",
            answers={200: Notifications},
        ),
        Operation(
            route="notifications",
            method="PUT",
            id="set_notifications",
            summary="Say whom to tell of trouble",
            description="Only public hosts can be told. What holds is looked for every 10 minutes while there is work, "
            "else once a day.",
            body=NotificationChange,
            example={"channel": "ntfy", "url": "https://ntfy.sh/my-secret-topic", "conditions": ["dead_letters"]},
            answers={200: Notifications},
        ),
        Operation(
            route="notifications", method="DELETE", id="delete_notifications", summary="Tell nobody of trouble any more"
        ),
        Operation(
            route="test_notifications",
            method="POST",
            id="test_notifications",
            summary="Send a notification now, as a test",
            answers={200: TestedNotification},
        ),
    ),
)
