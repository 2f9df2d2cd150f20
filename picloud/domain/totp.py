"""Codes that change every 30 seconds: RFC 6238 over RFC 4226, as authenticator apps have it (SHA-1, 6 digits)."""

import base64
import hmac
import struct
from urllib.parse import quote

STEP_S = 30
DIGITS = 6
SECRET_BYTES = 20
"""RFC 4226, 4, R6 recommends 160 bits."""
_DRIFT_STEPS = 1


def code(secret: bytes, step: int) -> str:
    """The code of a time step (RFC 4226, 5.3)."""
    digest = hmac.digest(secret, struct.pack(">Q", step), "sha1")
    offset = digest[-1] & 0x0F
    number = int.from_bytes(digest[offset : offset + 4]) & 0x7FFFFFFF
    return f"{number % 10**DIGITS:0{DIGITS}}"


def step_of(seconds: float) -> int:
    """The time step of a moment, in seconds since 1970."""
    return int(seconds) // STEP_S


def matching_step(secret: bytes, given: str, now_step: int, last_step: int) -> int | None:
    """The step whose code `given` is: the present one or a neighbour, and later than the last one that was used."""
    for step in range(now_step - _DRIFT_STEPS, now_step + _DRIFT_STEPS + 1):
        if step > last_step and hmac.compare_digest(code(secret, step).encode(), given.encode()):
            return step
    return None


def key_text(secret: bytes) -> str:
    """The secret as people type it: base32."""
    return base64.b32encode(secret).decode()


def otpauth_uri(secret: bytes, account: str, issuer: str) -> str:
    """What authenticator apps read from a QR code (the Key Uri Format of Google Authenticator)."""
    label = f"{quote(issuer)}:{quote(account)}"
    return f"otpauth://totp/{label}?secret={key_text(secret)}&issuer={quote(issuer)}"
