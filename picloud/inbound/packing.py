"""The last step of every adapter: a Mail to a Message."""

from collections.abc import Mapping

from picloud.inbound import dedupe
from picloud.inbound.mail import Mail, as_event
from picloud.inbound.message import Message


def pack(mail: Mail, *, signed: bool, identifier: str | None = None) -> Message:
    """`identifier`: what stays the same when the provider sends this mail again. None: the content decides."""
    email, contents = as_event(mail)
    return Message(dedupe.provider_key(identifier, email, contents, signed=signed), email, contents)


def pack_signed_by_us(mail: Mail, headers: Mapping[str, str], *, signed: bool) -> Message:
    """For senders that set a `webhook-id`."""
    email, contents = as_event(mail)
    return Message(dedupe.key(headers, email, contents, signed=signed), email, contents)
