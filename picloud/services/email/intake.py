"""From a request at an email trigger to an event in the outbox."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from picloud.crypto import MasterKey, UnsealError
from picloud.domain.clock import rfc3339
from picloud.domain.delivery import RetryPolicy
from picloud.domain.errors import Invalid, NotAcceptable, NotFound, TooLarge, Unavailable
from picloud.domain.ids import lower_bound, uuid7
from picloud.domain.kinds import AttachmentPolicy, DispatchMode, EventKind, TriggerKind
from picloud.inbound.adapter import Adapter
from picloud.inbound.adapters import adapter
from picloud.inbound.message import Message
from picloud.inbound.request import Request
from picloud.models import (
    EmailTriggerDetails,
    Execution,
    ExecutionStatus,
    InboundDedupeKey,
    InboundSecret,
    Trigger,
)
from picloud.services.delivery.outbox import OutboxService
from picloud.services.email.attachments import keep
from picloud.services.triggers.email import binding

DEDUPE_S = 7 * 86_400


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of a mail. `duplicate`: it was accepted before, as this delivery. `delivered`: and that has ended
    well, which is looked up where the sender of the first one waited for it."""

    delivery_id: UUID
    duplicate: bool
    delivered: bool = False


@dataclass(frozen=True, slots=True)
class Door:
    """An email trigger that takes mail, as it stood when the request came.

    `signed`: it wants a signature. It does so too when every secret has ended, and then takes nothing.
    """

    trigger: Trigger
    provider: str
    ack_status: int
    attachments: AttachmentPolicy
    signed: bool
    secrets: tuple[str, ...]
    now: datetime

    @property
    def sync(self) -> bool:
        """Whether the sender waits for the first attempt."""
        return self.trigger.dispatch_mode == DispatchMode.SYNC

    @property
    def done_status(self) -> int:
        return self.adapter.done_status or self.ack_status

    @property
    def adapter(self) -> Adapter:
        return adapter(self.provider)


class EmailIntake:
    def __init__(self, session: Session, outbox: OutboxService, master_key: MasterKey) -> None:
        self._session = session
        self._outbox = outbox
        self._master_key = master_key

    def door(self, app_id: UUID | None, trigger_id: UUID | None) -> Door:
        """Raises NotFound, the same for every cause; Unavailable when a secret does not open."""
        query = (
            select(Trigger, EmailTriggerDetails, func.now())
            .join(EmailTriggerDetails, EmailTriggerDetails.trigger_id == Trigger.id)
            .where(*_is_open(app_id, trigger_id))
        )
        row = self._session.execute(query).one_or_none() if app_id and trigger_id else None
        if row is None:
            raise NotFound("No mail is taken here.")
        return self._door(*row)

    def is_open(self, app_id: UUID | None, trigger_id: UUID | None) -> bool:
        """Whether there is a trigger that takes mail."""
        query = select(Trigger.id).where(*_is_open(app_id, trigger_id))
        return bool(app_id and trigger_id) and self._session.scalar(query) is not None

    def door_of(self, trigger: Trigger) -> Door:
        """Of a trigger that may be off. Raises Unavailable when a secret does not open."""
        details = self._session.get_one(EmailTriggerDetails, trigger.id)
        return self._door(trigger, details, self._session.execute(select(func.now())).scalar_one())

    def _door(self, trigger: Trigger, details: EmailTriggerDetails, now: datetime) -> Door:
        self._session.expunge(trigger)  # it is still wanted when the transaction has ended
        rows = self._session.scalars(select(InboundSecret).where(InboundSecret.trigger_id == trigger.id)).all()
        secrets = self._opened([row for row in rows if row.expires_at is None or row.expires_at > now])
        policy = AttachmentPolicy(details.attachments)
        return Door(trigger, details.provider, details.ack_status, policy, bool(rows), secrets, now)

    def read(self, door: Door, request: Request, *, unsigned_max_bytes: int) -> list[Message]:
        """The mails in a request. Raises TooLarge, BadSignature, Invalid, in this order."""
        if door.signed:
            door.adapter.verify(request, door.secrets, door.now.timestamp())
        elif len(request.body) > unsigned_max_bytes:
            raise TooLarge(f"Without a signature a mail may have {unsigned_max_bytes} bytes here.")
        return self.read_unproven(door, request, signed=door.signed)

    def read_unproven(self, door: Door, request: Request, *, signed: bool = False) -> list[Message]:
        """The mails in a request whose sender is known in another way. Raises Invalid."""
        try:
            return door.adapter.messages(request, signed=signed)
        except Invalid as wrong:
            if door.adapter.unreadable_status == Invalid.status:
                raise
            raise NotAcceptable(wrong.detail, errors=wrong.errors) from None

    def accept(self, door: Door, message: Message) -> Accepted:
        """Put the mail into the outbox, unless it is there or was there in the last 7 days. Raises Unavailable."""
        first = self._first(door, message.dedupe_key)
        if first is not None:
            return Accepted(first, duplicate=True, delivered=door.sync and self._has_ended_well(door, first))
        trigger, email = door.trigger, self._with_attachments(door, message)
        received_at = email["received_at"] or rfc3339(door.now)
        delivery_id = self._outbox.enqueue(
            app_id=trigger.app_id,
            script_id=trigger.script_id,
            kind=EventKind.EMAIL,
            payload=email | {"received_at": received_at},
            policy=RetryPolicy(trigger.max_attempts, trigger.backoff_base_s, trigger.backoff_cap_s, trigger.timeout_s),
            trigger_id=trigger.id,
            principal_id=trigger.registered_by,
        )
        self._remember(door, message.dedupe_key, delivery_id)
        return Accepted(delivery_id, duplicate=False)

    def _has_ended_well(self, door: Door, delivery_id: UUID) -> bool:
        ended = (Execution.app_id == door.trigger.app_id) & (Execution.delivery_id == delivery_id)
        well = select(Execution.id).where(ended, Execution.status == ExecutionStatus.OK)
        return self._session.scalar(well.limit(1)) is not None

    def _with_attachments(self, door: Door, message: Message) -> dict[str, Any]:
        """The event's part. Contents are kept beside it, and named by an `id` there."""
        email = message.email
        if door.attachments == AttachmentPolicy.DROP:
            return email | {"attachments": []}
        if door.attachments == AttachmentPolicy.META:
            return email
        named = [dict(attachment) for attachment in email["attachments"]]
        for attachment, content in zip(named, message.contents, strict=True):
            if content is not None:
                attachment_id = uuid7()
                keep(self._session, door.trigger.app_id, attachment_id, content)
                attachment["id"] = str(attachment_id)
        return email | {"attachments": named}

    def _first(self, door: Door, key: bytes) -> UUID | None:
        """The delivery of the same mail. Until this transaction's end no other one can accept the same mail."""
        digest = int.from_bytes(key[-8:], "big", signed=True) ^ (door.trigger.id.int & 0x7FFFFFFFFFFFFFFF)
        self._session.execute(select(func.pg_advisory_xact_lock(digest)))
        same = (InboundDedupeKey.trigger_id == door.trigger.id) & (InboundDedupeKey.key == key)
        fresh = InboundDedupeKey.created_at > func.now() - func.make_interval(0, 0, 0, 0, 0, 0, DEDUPE_S)
        # Spares the look into older days; a day more than is needed, for other nodes' clocks.
        recent = InboundDedupeKey.delivery_id > lower_bound(door.now - timedelta(seconds=DEDUPE_S, days=1))
        return self._session.scalar(select(InboundDedupeKey.delivery_id).where(same, fresh, recent))

    def _remember(self, door: Door, key: bytes, delivery_id: UUID) -> None:
        self._session.add(InboundDedupeKey(trigger_id=door.trigger.id, key=key, delivery_id=delivery_id))

    def _opened(self, rows: Sequence[InboundSecret]) -> tuple[str, ...]:
        try:
            return tuple(
                self._master_key.unseal(row.sealed, bound_to=binding(row.id, row.trigger_id)).decode() for row in rows
            )
        except UnsealError:
            raise Unavailable("The trigger's signing secret can't be read.", code="secret_unreadable") from None


def _is_open(app_id: UUID | None, trigger_id: UUID | None) -> tuple[ColumnElement[bool], ...]:
    own = (Trigger.id == trigger_id, Trigger.app_id == app_id, Trigger.deleted_at.is_(None))
    return (*own, Trigger.kind == TriggerKind.EMAIL, Trigger.enabled.is_(True))
