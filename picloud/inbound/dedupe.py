"""When are two requests to one trigger the same mail?

The same `webhook-id`; without one, the same body `id`; without one, the same content. `webhook-id` counts on a trigger
without a secret too: there nothing is proven, the body's `id` no more than the header, and what counts is that a
provider's retry is known again. What came unsigned never hides what came signed, so that nobody can take up ids in
advance on a trigger that gets its secret later.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from picloud.inbound.signatures import webhook_id

_CONTENT = ("from", "to", "cc", "bcc", "reply_to", "subject", "text", "html", "message_id", "attachments")
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def key(headers: Mapping[str, str], email: Mapping[str, Any], *, signed: bool) -> bytes:
    """34 bytes: `s` or `u` (unsigned), the sort (`w`, `i`, `c`), and SHA-256 of what is compared.

    `email` is what `message.read` gave, `signed` whether `signatures.verify` has passed this request.
    """
    prefix = b"s" if signed else b"u"
    identifier = webhook_id(headers)
    if identifier is not None:
        return prefix + b"w" + hashlib.sha256(identifier.encode()).digest()
    if email["id"] is not None:
        return prefix + b"i" + hashlib.sha256(email["id"].encode()).digest()
    return prefix + b"c" + _content_digest(email)


def _content_digest(email: Mapping[str, Any]) -> bytes:
    digest = hashlib.sha256()
    envelope = email["envelope"]
    content = [*(email[name] for name in _CONTENT), envelope["from"], envelope["to"]]
    for piece in _ENCODER.iterencode(content):  # 10 MiB or more in all, so never in one piece
        digest.update(piece.encode())
    return digest.digest()
