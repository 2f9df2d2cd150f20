"""Is a message from someone who has the trigger's secret? HMAC-SHA256 over the bytes as they came.

Two forms, and no falling back from the first to the second:

- Standard Webhooks (https://www.standardwebhooks.com, specification 1.0.0), whenever one of its headers is there. The
  headers are one family, `webhook-*` or Svix's older `svix-*`; names of two families are never put together, and
  `webhook-*` decides where both are there.
- The plain form, a hex digest in one header. Of several, the first in `PLAIN_HEADERS` decides.

A header that came twice reaches us joined by a comma, which no grammar below takes.
"""

import base64
import hmac
import re
from collections.abc import Iterable, Mapping, Sequence

from picloud.domain.errors import BadSignature
from picloud.inbound.signing_secrets import plain_keys, standard_keys

TOLERANCE_S = 300
PLAIN_HEADERS = ("x-picloud-signature", "x-hub-signature-256", "x-webhook-signature")

_FAMILIES = ("webhook", "svix")
_PARTS = ("id", "timestamp", "signature")
_SIGNATURE_CHARS_MAX = 4096
# Visible ASCII without the comma. A full stop is harmless: to move text from the id into the timestamp or the body is
# to make a body that starts with digits, which is no message.
_ID = re.compile(r"[!-+\--~]{1,256}")
_TIMESTAMP = re.compile(r"[0-9]{1,12}")
_V1 = re.compile(r"v1,([A-Za-z0-9+/]{43}=)")
_PLAIN = re.compile(r"(?:sha256=)?([0-9A-Fa-f]{64})")


def verify(headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now_s: float) -> None:
    """Raises BadSignature, and nothing else, unless one of `secrets` made the signature; always, without any.

    `headers` has lower-case names, `now_s` is Unix time in seconds.
    """
    family = _family(headers)
    if family:
        genuine = _standard_is_genuine(headers, family, body, secrets, now_s)
    else:
        genuine = _plain_is_genuine(headers, body, secrets)
    if not genuine:
        raise BadSignature


def webhook_id(headers: Mapping[str, str]) -> str | None:
    """The Standard Webhooks id, the same in every retry of a message; None where there is none or it is malformed."""
    family = _family(headers)
    value = headers.get(f"{family}-id", "") if family else ""
    return value if _ID.fullmatch(value) else None


def sign_standard(secret: str, body: bytes, *, webhook_id: str, timestamp_s: int) -> dict[str, str]:
    """The three Standard Webhooks headers for `body`. ValueError where `secret` holds no key."""
    keys = standard_keys(secret)
    if not keys:
        raise ValueError("this secret holds no key: it is empty, or what follows whsec_ is not base64")
    signature = _standard_signature(keys[0], webhook_id, str(timestamp_s), body).decode("ascii")
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": f"v1,{signature}",
    }


def sign_plain(secret: str, body: bytes) -> dict[str, str]:
    """The plain form's header for `body`, keyed with the secret's full text, as a simple sender would."""
    return {"x-picloud-signature": f"sha256={hmac.digest(secret.encode(), body, 'sha256').hex()}"}


def _family(headers: Mapping[str, str]) -> str | None:
    return next((name for name in _FAMILIES if any(f"{name}-{part}" in headers for part in _PARTS)), None)


def _standard_is_genuine(
    headers: Mapping[str, str], family: str, body: bytes, secrets: Sequence[str], now_s: float
) -> bool:
    identifier, timestamp, signatures = (headers.get(f"{family}-{part}", "") for part in _PARTS)
    if not (_ID.fullmatch(identifier) and _TIMESTAMP.fullmatch(timestamp)):
        return False
    if abs(now_s - int(timestamp)) > TOLERANCE_S:
        return False
    claimed = _claimed_signatures(signatures)
    keys = [key for secret in secrets for key in standard_keys(secret)] if claimed else []
    return _any_equal((_standard_signature(key, identifier, timestamp, body) for key in keys), claimed)


def _claimed_signatures(value: str) -> list[bytes]:
    """The `v1` entries of a list separated by spaces. Other versions are skipped; an entry with two commas, as of a
    header that came twice, spoils the list."""
    entries = value.split(" ")
    if len(value) > _SIGNATURE_CHARS_MAX or any(entry.count(",") > 1 for entry in entries):
        return []
    return [match[1].encode("ascii") for match in map(_V1.fullmatch, entries) if match]


def _plain_is_genuine(headers: Mapping[str, str], body: bytes, secrets: Sequence[str]) -> bool:
    value = next((headers[name] for name in PLAIN_HEADERS if name in headers), "")
    match = _PLAIN.fullmatch(value)
    keys = [key for secret in secrets for key in plain_keys(secret)] if match else []
    claimed = [bytes.fromhex(match[1])] if match else []
    return _any_equal((hmac.digest(key, body, "sha256") for key in keys), claimed)


def _any_equal(expected: Iterable[bytes], claimed: Sequence[bytes]) -> bool:
    """Constant time for each pair; how many pairs there were may show."""
    return any(hmac.compare_digest(ours, theirs) for ours in expected for theirs in claimed)


def _standard_signature(key: bytes, identifier: str, timestamp: str, body: bytes) -> bytes:
    """In base64, as it stands in the header: decoded, several spellings would pass for one signature."""
    mac = hmac.new(key, f"{identifier}.{timestamp}.".encode(), "sha256")
    mac.update(body)  # not joined to the prefix first: a body may have 10 MiB
    return base64.b64encode(mac.digest())
