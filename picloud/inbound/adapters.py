"""What turns each provider's request into messages, by the name that a trigger's `provider` has.

As in django-anymail, to verify and to parse are two steps: a wrong signature never learns whether the body was good.
The receiver calls `verify` where the trigger has a secret, then `messages`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from picloud.inbound import normalized, signatures
from picloud.inbound.message import Message


class ReadMessages(Protocol):
    """(headers, body) to messages; some providers put several mails into one request. Raises Invalid."""

    def __call__(self, headers: Mapping[str, str], body: bytes, *, signed: bool) -> list[Message]: ...


@dataclass(frozen=True, slots=True)
class Adapter:
    """One provider. Header names are lower-case, bodies are the bytes as they came.

    `verify(headers, body, secrets, now_s)` raises BadSignature. `media_types` are the ones that the provider sends;
    others are 415.
    """

    media_types: frozenset[str]
    verify: Callable[[Mapping[str, str], bytes, Sequence[str], float], None]
    messages: ReadMessages


ADAPTERS: Mapping[str, Adapter] = {
    "normalized": Adapter(normalized.MEDIA_TYPES, signatures.verify, normalized.messages),
}
