"""What mail providers and callers of scripts use: nobody signs in there."""

from typing import Any, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from picloud.openapi.operation import Operation, Queued, Resource


class Receipt(msgspec.Struct):
    """The mail is committed. `duplicate`: it was before, by the delivery named. `nothing`: there was no mail."""

    delivery_id: UUID | None
    status: Literal["queued", "delivered", "nothing"]
    duplicate: bool
    deliveries: list["Receipt"] | UnsetType = UNSET
    """Of a batch: the answer for each of its mails."""


class Mail(msgspec.Struct):
    """A normalized mail; the whole schema stands in inbound-email.schema.json. Unknown fields are ignored."""

    from_: str = msgspec.field(name="from")
    to: list[str]
    cc: list[str] = []
    subject: str | None = None
    text: str | None = None
    html: str | None = None
    message_id: str | None = None
    received_at: str | None = None
    headers: list[tuple[str, str]] = []
    attachments: list[dict[str, Any]] = []


_SIGNED = (
    "Where the trigger has a secret, the mail is signed: by `webhook-id`, `webhook-timestamp` and `webhook-signature` "
    "(Standard Webhooks), or by `X-PiCloud-Signature: sha256=<hex>`, the HMAC-SHA256 of the body. A trigger with a "
    "provider takes that provider's own body instead."
)

INBOUND = Resource(
    "inbound email",
    "Where mail providers post mail to.",
    (
        Operation(
            route="email_inbound",
            method="POST",
            id="receive_email",
            summary="Deliver a mail to an email trigger",
            description=_SIGNED,
            body=Mail,
            example={"from": "ada@example.com", "to": ["in@box.example.org"], "subject": "Hello", "text": "Hi"},
            answers={202: Receipt, 200: Receipt},
            problems=(401, 404, 406, 413, 415, 422, 503),
        ),
    ),
)

_RUN = "Matches the app's routes; `path` may have slashes. With `Prefer: respond-async` the call is queued."


def _run(method: str) -> Operation:
    return Operation(
        route="run",
        method=method,
        id=f"run_{method.lower()}",
        summary=f"Call a script by {method}",
        description=_RUN,
        answers={202: Queued, 204: None},
        problems=(400, 401, 403, 404, 405, 413, 502, 503, 504),
    )


RUN = Resource(
    "run",
    "Scripts, called over HTTP. Their answers are their own.",
    tuple(_run(method) for method in ("GET", "POST", "PUT", "PATCH", "DELETE")),
)
