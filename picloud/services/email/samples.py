"""A sample mail for an email trigger, sent as the trigger's own sender would: signed, and through the trigger's door."""

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from picloud.domain.errors import BadSignature, Conflict
from picloud.domain.ids import uuid7
from picloud.inbound.request import Request
from picloud.inbound.signatures import sign_standard
from picloud.models import Trigger
from picloud.services.email.intake import Door, EmailIntake

SIGNABLE = ("normalized",)
"""Providers whose requests we can make ourselves. The others sign with what we don't have."""


def send(intake: EmailIntake, trigger: Trigger, email: Mapping[str, Any]) -> UUID:
    """The delivery's id. `email`: see `message.read`. Raises Conflict where no secret of the trigger's is valid any more,
    Unavailable."""
    door = intake.door_of(trigger)
    body = json.dumps(_without_none(email)).encode()
    try:
        [mail] = intake.read(door, _request(door, body), unsigned_max_bytes=len(body))
    except BadSignature:
        raise Conflict("Every secret of this trigger has ended, so it takes no mail. Rotate its secret.") from None
    return intake.accept(door, mail).delivery_id


def _request(door: Door, body: bytes) -> Request:
    identifier = f"sample_{uuid7()}"
    if not door.secrets:
        return Request({"webhook-id": identifier}, body)
    moment = int(door.now.timestamp())
    return Request(sign_standard(door.secrets[-1], body, webhook_id=identifier, timestamp_s=moment), body)


def _without_none(value: Any) -> Any:
    """What is left out of a message and what is null there mean the same; not every field may be null."""
    if isinstance(value, Mapping):
        return {name: _without_none(item) for name, item in value.items() if item is not None}
    return [_without_none(item) for item in value] if isinstance(value, list) else value
