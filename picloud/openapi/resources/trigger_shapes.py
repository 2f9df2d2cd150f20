"""Triggers as they are answered: what all share, and what a kind adds."""

from typing import Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from picloud.domain.cron import Missed, Overlap
from picloud.domain.kinds import AttachmentPolicy, DispatchMode, EventKind, Priority
from picloud.domain.kv import KvOp
from picloud.openapi.operation import Moment
from picloud.services.triggers.last_runs import LastResult


class _Trigger(msgspec.Struct, kw_only=True):
    """`last_fired_at` and what follows are those of its last run that is kept; null where none is."""

    id: UUID
    app_id: UUID
    script: str
    enabled: bool
    dispatch_mode: DispatchMode
    max_attempts: int
    backoff_base_s: float
    backoff_cap_s: float
    timeout_s: float
    priority: Priority
    registered_by: UUID
    created_at: Moment
    updated_at: Moment
    last_fired_at: Moment | None
    last_result: LastResult | None
    last_execution_id: UUID | None
    last_delivery_id: UUID | None
    failures_in_a_row: int


class KvTrigger(_Trigger, tag_field="kind", tag="kv", kw_only=True):
    """Runs for changes of the app's store."""

    collection_glob: str
    key_glob: str
    ops: list[KvOp]


class CronTrigger(_Trigger, tag_field="kind", tag="cron", kw_only=True):
    """Runs by the clock. `words`: the schedule as one would say it. `next_times`: when, if nothing is changed."""

    schedule: str
    timezone: str
    words: str
    missed: Missed
    overlap: Overlap
    next_at: Moment | None
    next_times: list[Moment]


class EmailTrigger(_Trigger, tag_field="kind", tag="email", kw_only=True):
    """Runs for mail that is posted to `inbound_url`. `inbound_secret` is in the answer that generated it alone.

    `setup`: what to do at the provider. Without a mail for `quiet_after_s` the trigger's requests show a condition.
    """

    provider: str
    ack_status: int
    has_inbound_secret: bool
    attachments: AttachmentPolicy
    quiet_after_s: float | None
    setup: str
    inbound_url: str
    inbound_secret: str | UnsetType = UNSET


class DeadLetterTrigger(_Trigger, tag_field="kind", tag="dead_letter", kw_only=True):
    """Runs for deliveries that have ended as dead letters."""

    source_kind: EventKind | None
    source_trigger_id: UUID | None


class QueueTrigger(_Trigger, tag_field="kind", tag="queue", kw_only=True):
    """Runs for what is sent to a queue of the app."""

    queue: str


Trigger = KvTrigger | CronTrigger | EmailTrigger | DeadLetterTrigger | QueueTrigger


class RotatedSecret(msgspec.Struct):
    """An email trigger with its new secret, shown this once where it was generated."""

    id: UUID
    kind: str
    provider: str
    ack_status: int
    has_inbound_secret: bool
    attachments: AttachmentPolicy
    quiet_after_s: float | None
    setup: str
    inbound_url: str
    inbound_secret: str | UnsetType = UNSET


class SentSample(msgspec.Struct):
    """A delivery that waits for its attempt. `duplicate`: the same mail was sent before, as this delivery.

    `signature`: the mail's was made with the trigger's secret and `verified`; or `skipped`, with the reason in `detail`,
    because the provider alone has the key; or the trigger wants `none`, as all but those of mail.
    """

    delivery_id: UUID
    status: Literal["queued"]
    duplicate: bool
    signature: Literal["verified", "skipped", "none"]
    detail: str | None


class InboundRequest(msgspec.Struct):
    """`outcome`: `accepted`, `duplicate`, `nothing` (it held no mail), or the problem's code."""

    id: UUID
    at: Moment
    status: int
    outcome: str
    detail: str | None
    body_bytes: int
    client: str | None
    delivery_id: UUID | None


class InboundCounter(msgspec.Struct):
    requests: int
    last_at: Moment


class Condition(msgspec.Struct):
    """What is not as it should be. `no_mail`: none was accepted for the trigger's `quiet_after_s`."""

    code: Literal["no_mail"]
    detail: str
    since: Moment


class InboundRequests(msgspec.Struct):
    """What came to an email trigger's door. `counters` are by outcome, since the trigger was made."""

    items: list[InboundRequest]
    next: None
    counters: dict[str, InboundCounter]
    conditions: list[Condition]
