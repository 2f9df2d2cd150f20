"""Where sealed values stand, and what each is bound to. A test holds this list against the tables."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from picloud.models import IdempotentAnswer, InboundSecret, NotificationSettings, Secret, UserTotp
from picloud.services.instance import notifications
from picloud.services.keyring import secrets
from picloud.services.people import totp
from picloud.services.requests import idempotency
from picloud.services.triggers import email as email_triggers


@dataclass(frozen=True, slots=True)
class SealedColumn:
    """`sealed` of a table. `key`: its primary key; `bound_to`: of a row."""

    table: type[Any]
    key: str
    bound_to: Callable[[Any], str]


SEALED_COLUMNS = (
    SealedColumn(Secret, "id", lambda row: secrets.binding(row.id, row.app_id)),
    SealedColumn(InboundSecret, "id", lambda row: email_triggers.binding(row.id, row.trigger_id)),
    SealedColumn(IdempotentAnswer, "id", lambda row: idempotency.binding(row.id)),
    SealedColumn(NotificationSettings, "id", lambda row: notifications.BINDING),
    SealedColumn(UserTotp, "user_id", lambda row: totp.binding(row.user_id)),
)
