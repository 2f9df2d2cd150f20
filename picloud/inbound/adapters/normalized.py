"""PiCloud's own message as JSON, for senders that can choose what they send."""

import json
from collections.abc import Mapping
from typing import Any

from picloud.crypto import new_signing_secret
from picloud.domain import strict_json
from picloud.inbound import dedupe, limits, message, signatures
from picloud.inbound.adapter import JSON, Adapter
from picloud.inbound.loose import content_of
from picloud.inbound.request import Request
from picloud.inbound.sample import Sample
from picloud.inbound.signing_secrets import read_secret

SETUP = """Send the message as JSON (docs/reference/inbound-email.md), signed with the secret: by Standard Webhooks, or by
`X-PiCloud-Signature: sha256=<hex of HMAC-SHA256 over the body>`."""


def parse(raw: bytes) -> dict[str, Any]:
    """The event's `email` part from a request's body. Raises Invalid. See `message.read` for the shape."""
    return message.read(strict_json.loads(raw))


def messages(request: Request, *, signed: bool) -> list[message.Message]:
    """The one message in a request. Raises Invalid."""
    email = parse(request.body)
    contents = [content_of(attachment.pop("content")) for attachment in email["attachments"]]
    key = dedupe.key(request.headers, email, contents, signed=signed)
    return [message.Message(key, _cut(email), contents)]


def _cut(email: dict[str, Any]) -> dict[str, Any]:
    texts = {name: email[name] for name in ("text", "html") if email[name] is not None}
    cut = {name: text[: limits.TEXT_MAX_CHARS] for name, text in texts.items()}
    return email | cut | {"truncated": cut != texts}


def sample(given: Sample) -> Request:
    return given.signed("application/json", json.dumps(_without_none(given.email)).encode())


def _without_none(value: Any) -> Any:
    """What is left out of a message and what is null there mean the same; not every field may be null."""
    if isinstance(value, Mapping):
        return {name: _without_none(item) for name, item in value.items() if item is not None}
    return [_without_none(item) for item in value] if isinstance(value, list) else value


ADAPTER = Adapter(
    media_types=JSON,
    verify=lambda request, secrets, now_s: signatures.verify(request.headers, request.body, secrets, now_s),
    messages=messages,
    read_secret=read_secret,
    generate=new_signing_secret,
    setup=SETUP,
    sample=sample,
    done_status=None,
)
