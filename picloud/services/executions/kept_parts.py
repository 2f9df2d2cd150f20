"""What a record keeps of large parts: enough to see what it was."""

from typing import Any

import msgspec

KEPT_BYTES = 64 * 1024
"""Size of a part that is kept whole, as JSON."""
_SAMPLE_CHARS = 4 * 1024

_encode = msgspec.json.Encoder().encode


def kept(part: bytes) -> str:
    """`part` (JSON) as it is recorded. A large one becomes `{"truncated": true, "size_bytes": …, "start": "…"}`."""
    if len(part) <= KEPT_BYTES:
        return part.decode()
    return _encode(_mark(part)).decode()


def kept_event(event: bytes) -> str:
    """An event that no other table holds. Of a call the body goes first: `body_base64` is then its start."""
    if len(event) <= KEPT_BYTES:
        return event.decode()
    decoded: dict[str, Any] = msgspec.json.decode(event)
    http = decoded.get("http")
    if isinstance(http, dict):
        body = http["body_base64"]
        shown = http | {"body_base64": body[:_SAMPLE_CHARS], "truncated": True, "size_bytes": _decoded_bytes(body)}
        shorter = _encode(decoded | {"http": shown, "truncated": True})
        if len(shorter) <= KEPT_BYTES:
            return shorter.decode()
    slim = {name: value for name, value in decoded.items() if name != decoded["kind"]}
    return _encode(slim | {"truncated": True, decoded["kind"]: _mark(event)}).decode()


def _decoded_bytes(base64: str) -> int:
    return len(base64) * 3 // 4 - base64[-2:].count("=")


def _mark(part: bytes) -> dict[str, Any]:
    start = part[: 4 * _SAMPLE_CHARS].decode(errors="ignore")[:_SAMPLE_CHARS]
    return {"truncated": True, "size_bytes": len(part), "start": start}
