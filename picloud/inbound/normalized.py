"""The provider `normalized`: PiCloud's own message as JSON, for senders that can choose what they send."""

from collections.abc import Mapping
from typing import Any

from picloud.domain import strict_json
from picloud.inbound import dedupe, message

MEDIA_TYPES = frozenset({"application/json"})


def parse(raw: bytes) -> dict[str, Any]:
    """The event's `email` part from a request's body. Raises Invalid. See `message.read` for the shape."""
    return message.read(strict_json.loads(raw))


def messages(headers: Mapping[str, str], body: bytes, *, signed: bool) -> list[message.Message]:
    """The one message in a request. Raises Invalid."""
    email = parse(body)
    return [message.Message(dedupe.key(headers, email, signed=signed), email)]
