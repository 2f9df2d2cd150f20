"""From a request at an email trigger to an event in the outbox."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from picloud.crypto import MasterKey, UnsealError
from picloud.domain.clock import rfc3339
from picloud.domain.delivery import RetryPolicy
from picloud.domain.errors import NotFound, TooLarge, Unavailable
from picloud.domain.ids import lower_bound
from picloud.domain.kinds import EventKind, TriggerKind
from picloud.inbound.adapters import ADAPTERS
from picloud.inbound.message import Message
from picloud.models import EmailTriggerDetails, InboundDedupeKey, InboundSecret, Trigger
from picloud.services.email_triggers import binding
from picloud.services.outbox import OutboxService

DEDUPE_S = 7 * 86_400


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of a mail. `duplicate`: it was accepted before, as this delivery."""

    delivery_id: UUID
    duplicate: bool


@dataclass(frozen=True, slots=True)
class Door:
    """An email trigger that takes mail, as it stood when the request came.

    `signed`: it wants a signature. It does so too when every secret has ended, and then takes nothing.
    """

    trigger: Trigger
    provider: str
    ack_status: int
    signed: bool
    secrets: tuple[str, ...]
    now: datetime


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
            .where(Trigger.id == trigger_id, Trigger.app_id == app_id)
            .where(Trigger.kind == TriggerKind.EMAIL, Trigger.enabled)
        )
        row = self._session.execute(query).one_or_none() if app_id and trigger_id else None
        if row is None:
            raise NotFound("No mail is taken here.")
        trigger, details, now = row
        rows = self._session.scalars(select(InboundSecret).where(InboundSecret.trigger_id == trigger.id)).all()
        secrets = self._opened([row for row in rows if row.expires_at is None or row.expires_at > now])
        return Door(trigger, details.provider, details.ack_status, bool(rows), secrets, now)

    def read(self, door: Door, headers: Mapping[str, str], body: bytes, *, unsigned_max_bytes: int) -> list[Message]:
        """The mails in a request. Raises TooLarge, BadSignature, Invalid, in this order."""
        adapter = ADAPTERS[door.provider]
        if door.signed:
            adapter.verify(headers, body, door.secrets, door.now.timestamp())
        elif len(body) > unsigned_max_bytes:
            raise TooLarge(f"Without a signature a mail may have {unsigned_max_bytes} bytes here.")
        return adapter.messages(headers, body, signed=door.signed)

    def accept(self, door: Door, message: Message) -> Accepted:
        """Put the mail into the outbox, unless it is there or was there in the last 7 days. Raises Unavailable."""
        first = self._first(door, message.dedupe_key)
        if first is not None:
            return Accepted(first, duplicate=True)
        trigger, email = door.trigger, message.email
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
