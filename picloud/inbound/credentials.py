"""Providers that sign nothing: a user and password in the address, or a fixed token.

Where the trigger's secret holds a colon it is `user:password` and comes by HTTP basic authentication (RFC 7617), else it
is a token: `Authorization: Bearer …`, a header of the provider, or `?token=…` in the address.
"""

import base64
import hmac
from collections.abc import Callable, Sequence
from urllib.parse import parse_qs, urlsplit

from picloud.crypto import new_token
from picloud.domain.errors import BadSignature
from picloud.inbound.request import Request

_HEADER_MAX_CHARS = 8192


def verifier(*token_headers: str) -> Callable[[Request, Sequence[str], float], None]:
    """A `verify` that takes the token also in these headers (lower case)."""

    def verify(request: Request, secrets: Sequence[str], now_s: float) -> None:
        shown = [_utf8(value) for value in _shown(request, token_headers)]
        known = [_utf8(secret) for secret in secrets if secret]
        if not any(hmac.compare_digest(ours, theirs) for ours in known for theirs in shown):
            raise BadSignature

    return verify


def read_secret(given: str) -> str:
    """Raises ValueError for what can't stand in an address."""
    user, colon, password = given.partition(":")
    if len(given) < 8 or not given.isascii() or " " in given or (colon and not (user and password)):
        raise ValueError("has to be `user:password`, or a token, of at least 8 ASCII characters without blanks")
    return given


def generate() -> str:
    return new_token("picloud:")


def _shown(request: Request, token_headers: Sequence[str]) -> list[str]:
    found = [request.headers[name] for name in token_headers if name in request.headers]
    scheme, _, value = request.headers.get("authorization", "")[:_HEADER_MAX_CHARS].partition(" ")
    if scheme.lower() == "basic":
        found.append(_basic(value.strip()))
    elif scheme.lower() == "bearer":
        found.append(value.strip())
    found += _query_tokens(request.url)
    return [value for value in found if value]


def _query_tokens(url: str) -> list[str]:
    try:
        return parse_qs(urlsplit(url).query, max_num_fields=50).get("token", [])
    except ValueError:
        return []


def _basic(value: str) -> str:
    try:
        return base64.b64decode(value, validate=True).decode("utf-8")
    except ValueError:
        return ""


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
