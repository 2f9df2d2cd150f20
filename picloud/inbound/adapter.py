"""What makes a provider: how it proves itself, how it packs mails, and what it takes for an answer.

As in django-anymail, to verify and to parse are two steps: a wrong signature never learns whether the body was good.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from picloud.inbound.message import Message
from picloud.inbound.request import Request
from picloud.inbound.sample import Sample

JSON = frozenset({"application/json"})
FORMS = frozenset({"multipart/form-data", "application/x-www-form-urlencoded"})
MIME = frozenset({"message/rfc822"})


class ReadMessages(Protocol):
    """The mails of a request: none, one, or a batch. Raises Invalid."""

    def __call__(self, request: Request, *, signed: bool) -> list[Message]: ...


def _no_notice(request: Request) -> str | None:
    return None


def _signs_all(secret: str) -> str | None:
    return None


@dataclass(frozen=True, slots=True)
class Adapter:
    """One provider.

    `verify(request, secrets, now_s)` raises BadSignature, and nothing else but Unavailable. `media_types` are those that
    the provider sends; others are 415. `read_secret` gives an `inbound_secret` as it is kept, or raises ValueError with what
    it should be. `generate` makes one, where we may choose it. `setup` is shown to whoever sets the provider up.
    """

    media_types: frozenset[str]
    verify: Callable[[Request, Sequence[str], float], None]
    messages: ReadMessages
    read_secret: Callable[[str], str]
    generate: Callable[[], str] | None
    setup: str
    sample: Callable[[Sample], Request]
    """The request that the provider would send with this mail."""
    cannot_sign: Callable[[str], str | None] = _signs_all
    """Why we can't sign a sample for a trigger with this secret, where that is so."""
    done_status: int | None = 200
    """None: the trigger's `ack_status`. 200 is what every provider takes for success, and several nothing else."""
    unreadable_status: int = 422
    notice: Callable[[Request], str | None] = _no_notice
    """What the operator has to do about a request that passed `verify`; it is shown among the trigger's requests."""
    patience_s: float = 20.0
    """How long the provider waits for an answer, less a margin."""
