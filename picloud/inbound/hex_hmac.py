"""Providers that sign the raw body with HMAC-SHA256 and put it, in hex, into one header."""

import hmac
import re
from collections.abc import Callable, Sequence

from picloud.domain.errors import BadSignature
from picloud.inbound.request import Request

_HEX = re.compile(r"[0-9A-Fa-f]{64}")


def verifier(header: str) -> Callable[[Request, Sequence[str], float], None]:
    def verify(request: Request, secrets: Sequence[str], now_s: float) -> None:
        claimed = request.headers.get(header, "").strip()
        if not _HEX.fullmatch(claimed) or not any(signs(secret, request.body, claimed) for secret in secrets):
            raise BadSignature

    return verify


def signs(secret: str, signed: bytes, claimed_hex: str) -> bool:
    """Whether the secret's UTF-8 bytes made this HMAC-SHA256, given as 64 hex digits. An empty secret signs nothing."""
    key = secret.encode("utf-8", "surrogatepass")
    return bool(key) and hmac.compare_digest(hmac.digest(key, signed, "sha256"), bytes.fromhex(claimed_hex))


def signed(secret: str | None, content: bytes) -> str:
    """In hex; nothing without a secret."""
    return hmac.digest(secret.encode(), content, "sha256").hex() if secret else ""


def read_secret(given: str) -> str:
    """A key that the provider made. Raises ValueError."""
    if len(given.strip()) < 8:
        raise ValueError("has to be the key that the provider shows")
    return given.strip()
