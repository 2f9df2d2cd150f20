"""When are two requests to one trigger the same mail?

The same `webhook-id`; without one, the same body `id`; without one, the same content. `webhook-id` counts on a trigger
without a secret too: there nothing is proven, the body's `id` no more than the header, and what counts is that a
provider's retry is known again. What came unsigned never hides what came signed, so that nobody can take up ids in
advance on a trigger that gets its secret later.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from picloud.inbound.signatures import webhook_id

_CONTENT = ("from", "to", "cc", "bcc", "reply_to", "subject", "text", "html", "message_id", "attachments")
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def key(
    headers: Mapping[str, str], email: Mapping[str, Any], contents: Sequence[bytes | None] = (), *, signed: bool
) -> bytes:
    """34 bytes: `s` or `u` (unsigned), the sort (`w`, `i`, `c`), and SHA-256 of what is compared.

    `contents` are those of the attachments, `signed` whether the adapter's `verify` has passed this request.
    """
    identifier = webhook_id(headers)
    if identifier is not None:
        return _key("w", identifier.encode(), signed)
    return provider_key(email["id"], email, contents, signed=signed)


def provider_key(
    identifier: str | None, email: Mapping[str, Any], contents: Sequence[bytes | None], *, signed: bool
) -> bytes:
    """The same without `webhook-id`. `identifier`: what stays the same when the provider sends a mail again."""
    if identifier is not None:
        return _key("i", identifier.encode("utf-8", "surrogatepass"), signed)
    return (b"sc" if signed else b"uc") + _content_digest(email, contents)


def _key(sort: str, identifier: bytes, signed: bool) -> bytes:
    return f"{'s' if signed else 'u'}{sort}".encode() + hashlib.sha256(identifier).digest()


def _content_digest(email: Mapping[str, Any], contents: Sequence[bytes | None]) -> bytes:
    digest = hashlib.sha256()
    envelope = email["envelope"]
    content = [*(email[name] for name in _CONTENT), envelope["from"], envelope["to"]]
    for piece in _ENCODER.iterencode(content):  # MiB in all, so never in one piece
        digest.update(piece.encode())
    for attached in contents:
        digest.update(hashlib.sha256(attached or b"").digest())
    return digest.digest()
