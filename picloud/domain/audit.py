"""What is written down about who did what."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID


class Action(StrEnum):
    """What was done. The part before the point names the kind of the target."""

    USER_CREATE = "user.create"
    USER_UPDATE = "user.update"
    USER_DELETE = "user.delete"
    SETUP = "user.setup"
    """The first owner was made, by the set-up link."""
    PASSWORD_CHANGE = "user.change_password"  # noqa: S105
    TOTP_ENABLE = "user.enable_totp"
    TOTP_DISABLE = "user.disable_totp"
    SIGN_IN = "session.sign_in"
    SIGN_IN_REFUSED = "session.refuse_sign_in"
    REAUTHENTICATE = "session.reauthenticate"
    SIGN_OUT = "session.sign_out"
    SESSION_REVOKE = "session.revoke"
    KEY_CREATE = "api_key.create"
    KEY_DELETE = "api_key.delete"
    APP_CREATE = "app.create"
    APP_UPDATE = "app.update"
    APP_DELETE = "app.delete"
    MEMBER_SET = "member.set"
    MEMBER_REMOVE = "member.remove"
    SCRIPT_CREATE = "script.create"
    SCRIPT_DEPLOY = "script.deploy"
    SCRIPT_SAVE = "script.save"
    SCRIPT_ACTIVATE = "script.activate"
    SCRIPT_UPDATE = "script.update"
    SCRIPT_DELETE = "script.delete"
    SAMPLE_CREATE = "script_sample.create"
    SAMPLE_DELETE = "script_sample.delete"
    ROUTE_CREATE = "route.create"
    ROUTE_UPDATE = "route.update"
    ROUTE_DELETE = "route.delete"
    DOMAIN_CREATE = "domain.create"
    DOMAIN_DELETE = "domain.delete"
    TRIGGER_CREATE = "trigger.create"
    TRIGGER_UPDATE = "trigger.update"
    TRIGGER_DELETE = "trigger.delete"
    TRIGGER_RESTORE = "trigger.restore"
    TRIGGER_TEST = "trigger.test"
    TRIGGER_ROTATE_SECRET = "trigger.rotate_secret"  # noqa: S105
    KV_SET = "kv.set"
    KV_DELETE = "kv.delete"
    SECRET_SET = "secret.set"  # noqa: S105
    SECRET_DELETE = "secret.delete"  # noqa: S105
    SECRET_READ = "secret.read"  # noqa: S105
    """By a handler, once per run; `via` names the trace."""
    DELIVERY_RETRY = "delivery.retry"
    DELIVERY_CANCEL = "delivery.cancel"
    DELIVERY_RESTORE = "delivery.restore"
    DELIVERY_RESEND = "delivery.resend"
    DEAD_LETTER_REPLAY = "dead_letter.replay"
    DEAD_LETTER_DISCARD = "dead_letter.discard"
    DEAD_LETTER_RESTORE = "dead_letter.restore"
    NOTIFICATIONS_SET = "notifications.set"
    NOTIFICATIONS_DELETE = "notifications.delete"
    NOTIFICATIONS_TEST = "notifications.test"
    MASTER_KEY_ROTATE = "master_key.rotate"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something, by which means (`key pic_a1b2c3`, `session <id>`, `command line`), and from where."""

    name: str
    via: str
    user_id: UUID | None = None
    address: str | None = None
    request_id: str | None = None


Values = Mapping[str, Any]


def difference(before: Values | None, after: Values | None) -> tuple[Values | None, Values | None]:
    """Of two states of the same thing the fields that differ; of one that was made or removed all of them."""
    if before is None or after is None:
        return before, after
    changed = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return {name: before.get(name) for name in changed}, {name: after.get(name) for name in changed}
