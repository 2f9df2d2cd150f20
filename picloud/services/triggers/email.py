from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from msgspec import UNSET, UnsetType
from sqlalchemy import delete, func, or_, select
from sqlalchemy.orm import Session

from picloud.crypto import MasterKey
from picloud.domain.errors import Conflict, invalid
from picloud.domain.ids import uuid7
from picloud.domain.kinds import AttachmentPolicy, TriggerKind
from picloud.inbound.adapters import PROVIDERS, adapter
from picloud.models import EmailTriggerDetails, InboundSecret, Trigger
from picloud.services.keyring.master_keys import seal
from picloud.services.triggers.triggers import CommonFields, TriggerService

GENERATE = "generate"
MAX_SECRET_CHARS = 4096
MAX_ACTIVE_SECRETS = 4
MAX_QUIET_S = 366 * 86_400


@dataclass(frozen=True, slots=True)
class EmailFields:
    """The fields of an email trigger as given; None, or UNSET: not given. `quiet_after_s` None: never."""

    provider: str | None = None
    ack_status: int | None = None
    attachments: AttachmentPolicy | None = None
    quiet_after_s: float | UnsetType | None = UNSET


class EmailTriggerService:
    def __init__(self, session: Session, triggers: TriggerService, master_key: MasterKey) -> None:
        self._session = session
        self._triggers = triggers
        self._master_key = master_key

    def create(
        self, fields: CommonFields, registered_by: UUID, *, email: EmailFields, inbound_secret: str | None
    ) -> tuple[Trigger, str | None]:
        """The trigger, and the secret where it was generated here. Raises Invalid."""
        _check(email)
        trigger = self._triggers.create(TriggerKind.EMAIL, fields, registered_by)
        self._session.add(EmailTriggerDetails(trigger_id=trigger.id, **_given(email)))
        self._session.flush()
        return trigger, self.set_secret(trigger, inbound_secret)

    def update(self, trigger: Trigger, email: EmailFields, *, new_secret: bool) -> None:
        """Change what is given. A secret belongs to its provider, so both change together. Raises Invalid."""
        _check(email)
        details = self.details(trigger)
        other = email.provider not in (None, details.provider)
        if other and not new_secret and self.wants_signature(trigger):
            raise invalid("/inbound_secret", "has to be given with another provider; null removes it")
        for name, value in _given(email).items():
            setattr(details, name, value)
        self._session.flush()

    def details(self, trigger: Trigger) -> EmailTriggerDetails:
        return self._session.get_one(EmailTriggerDetails, trigger.id)

    def set_secret(self, trigger: Trigger, given: str | None) -> str | None:
        """Replace all secrets at once, by none for None. The new one where it was generated here."""
        self._session.execute(delete(InboundSecret).where(InboundSecret.trigger_id == trigger.id))
        return self._add_secret(trigger, given) if given is not None else None

    def rotate(self, trigger: Trigger, given: str, overlap_s: float) -> str | None:
        """Add a secret; the old ones end after `overlap_s`. The new one where it was generated here."""
        end = self._session.execute(select(func.now())).scalar_one() + timedelta(seconds=overlap_s)
        old = self.secrets(trigger)
        for secret in old:
            secret.expires_at = min(secret.expires_at or end, end)
        self._session.flush()
        if len(self.secrets(trigger)) >= MAX_ACTIVE_SECRETS:
            raise Conflict(
                f"{MAX_ACTIVE_SECRETS} secrets are active. Rotate with a shorter overlap_s, such as 0, or wait."
            )
        return self._add_secret(trigger, given)

    def secrets(self, trigger: Trigger) -> Sequence[InboundSecret]:
        """The active ones, newest first."""
        active = or_(InboundSecret.expires_at.is_(None), InboundSecret.expires_at > func.now())
        query = select(InboundSecret).where(InboundSecret.trigger_id == trigger.id, active)
        return self._session.scalars(query.order_by(InboundSecret.id.desc())).all()

    def wants_signature(self, trigger: Trigger) -> bool:
        """Whether a secret was ever set and not removed, be it one that has ended."""
        query = select(InboundSecret.id).where(InboundSecret.trigger_id == trigger.id)
        return self._session.scalars(query.limit(1)).first() is not None

    def _add_secret(self, trigger: Trigger, given: str) -> str | None:
        secret = _secret(self.details(trigger).provider, given)
        secret_id = uuid7()
        sealed = seal(self._session, self._master_key, secret.encode(), bound_to=binding(secret_id, trigger.id))
        self._session.add(InboundSecret(id=secret_id, trigger_id=trigger.id, sealed=sealed))
        self._session.flush()
        return secret if given == GENERATE else None


def binding(secret_id: UUID, trigger_id: UUID) -> str:
    """What a sealed secret is bound to: its row and its trigger."""
    return f"inbound_secret:{secret_id}:{trigger_id}"


def _given(email: EmailFields) -> dict[str, Any]:
    fields = {name: getattr(email, name) for name in ("provider", "ack_status", "attachments")}
    known = {name: value for name, value in fields.items() if value is not None}
    return known if isinstance(email.quiet_after_s, UnsetType) else known | {"quiet_after_s": email.quiet_after_s}


def _check(email: EmailFields) -> None:
    if email.provider is not None and email.provider not in PROVIDERS:
        raise invalid("/provider", f"has to be one of {', '.join(PROVIDERS)}")
    if email.ack_status not in (None, 200, 202):
        raise invalid("/ack_status", "has to be 200 or 202")
    quiet_after_s = None if isinstance(email.quiet_after_s, UnsetType) else email.quiet_after_s
    if quiet_after_s is not None and not 60 <= quiet_after_s <= MAX_QUIET_S:
        raise invalid("/quiet_after_s", f"has to be from 60 to {MAX_QUIET_S}, or null")


def _secret(provider: str, given: str) -> str:
    """As it is kept. Raises Invalid."""
    made_by = adapter(provider)
    if given == GENERATE:
        if made_by.generate is None:
            raise invalid("/inbound_secret", f"comes from the provider: {made_by.setup}")
        return made_by.generate()
    text = f"has to have 1 to {MAX_SECRET_CHARS} printable characters, or to be {GENERATE!r} or null"
    if not 1 <= len(given) <= MAX_SECRET_CHARS:
        raise invalid("/inbound_secret", text)
    try:
        secret = made_by.read_secret(given)
    except ValueError as wrong:
        raise invalid("/inbound_secret", str(wrong)) from None
    if not secret.isprintable():
        raise invalid("/inbound_secret", text)
    return secret
