"""A sample mail for an email trigger, sent as the trigger's provider would: through the trigger's door, and signed where
the signature is one that we can make."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from picloud.domain.errors import BadSignature, Conflict
from picloud.domain.ids import uuid7
from picloud.inbound.message import Message
from picloud.inbound.request import Request
from picloud.inbound.sample import Sample
from picloud.models import Trigger
from picloud.services.email.intake import Door, EmailIntake

Signature = Literal["verified", "skipped", "none"]


@dataclass(frozen=True, slots=True)
class Sent:
    """`duplicate`: a mail with the same id or content was sent before, as this delivery. `signature`: `none` where the
    trigger wants none, `skipped` with the reason in `detail` where we can't make it."""

    delivery_id: UUID
    duplicate: bool
    signature: Signature
    detail: str | None = None


def send(intake: EmailIntake, trigger: Trigger, email: Mapping[str, Any], url: str) -> Sent:
    """`email`: see `message.read`; `url`: the trigger's inbound URL. Raises Conflict where no secret of the trigger's is
    valid any more, Unavailable."""
    door = intake.door_of(trigger)
    if door.signed and not door.secrets:
        raise Conflict("Every secret of this trigger has ended, so it takes no mail. Rotate its secret.")
    why_not = door.adapter.cannot_sign(door.secrets[-1]) if door.secrets else None
    [mail] = _mails(intake, door, _request(door, email, url), proven=why_not is None)
    accepted = intake.accept(door, mail)
    signature: Signature = "skipped" if why_not else "verified" if door.signed else "none"
    return Sent(accepted.delivery_id, accepted.duplicate, signature, why_not)


def _mails(intake: EmailIntake, door: Door, request: Request, *, proven: bool) -> list[Message]:
    if not proven:
        return intake.read_unproven(door, request)
    try:
        return intake.read(door, request, unsigned_max_bytes=len(request.body))
    except BadSignature:
        raise Conflict("The trigger's secret does not open its own door. Rotate its secret.") from None


def _request(door: Door, email: Mapping[str, Any], url: str) -> Request:
    secret = door.secrets[-1] if door.secrets else None
    return door.adapter.sample(Sample(email, uuid7().hex, url, int(door.now.timestamp()), secret))
