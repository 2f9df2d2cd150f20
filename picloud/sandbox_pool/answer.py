"""What a handler returned, as bytes: a result for any event, and a response for an HTTP one."""

import json
import math
from typing import Any

from picloud.sandbox_pool.answer_head import Answer, answer_head
from picloud.sandbox_pool.interrupts import MESSAGES, LimitHit

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


class NotJson(TypeError):
    """The handler returned something that JSON can't say."""


def encode_result(value: Any, output_bytes: int) -> bytes:
    """`value` as JSON. Raises NotJson, and LimitHit over `output_bytes`."""
    if isinstance(value, Answer):
        value = value.body
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    return _within(_json(value), output_bytes)


def encode_response(value: Any, output_bytes: int) -> tuple[dict[str, Any], bytes]:
    """(head, body) of the response that `value` stands for. `form` in the head is `json`, `text` or `bytes`."""
    answer = _as_answer(value)
    form, content_type, body = _body(answer.body)
    head = answer_head(answer)
    head["content_type"] = head["content_type"] or content_type
    head["form"] = form
    return head, _within(body, output_bytes)


def _as_answer(value: Any) -> Answer:
    if isinstance(value, Answer):
        return value
    if type(value) is tuple and len(value) in (2, 3) and type(value[0]) is int:
        return Answer(value[1], value[0], value[2] if len(value) == 3 else None)
    return Answer(value)


def _body(value: Any) -> tuple[str, str | None, bytes]:
    if value is None:
        return "bytes", None, b""
    if isinstance(value, str):
        return "text", "text/plain; charset=utf-8", value.encode("utf-8", "replace")
    if isinstance(value, bytes | bytearray):
        return "bytes", "application/octet-stream", bytes(value)
    return "json", "application/json", _json(value)


def _within(body: bytes, output_bytes: int) -> bytes:
    if len(body) > output_bytes:
        raise LimitHit("output", MESSAGES["output"].format(limit=output_bytes))
    return body


def _json(value: Any) -> bytes:
    try:
        return _encode(value).encode()
    except (TypeError, ValueError, RecursionError) as error:
        reason = str(error) if not isinstance(error, RecursionError) else "nested too deeply"
        place = _culprit(value, "$", 0) or f"({reason})"
        raise NotJson(f"the handler returned something JSON can't say: {place}") from None


def _culprit(value: Any, path: str, depth: int) -> str | None:
    """Where in `value` the first thing stands that JSON can't say, and what it is."""
    if depth > 50:
        return f"nested too deeply, or containing itself, at {path[:200]}"
    if isinstance(value, dict):
        for key, inner in value.items():
            if not isinstance(key, str | int | float | bool | None):
                return f"a key of type {type(key).__name__} at {path}"
            if found := _culprit(key, f"{path} (a key)", depth + 1) or _culprit(inner, f"{path}.{key}", depth + 1):
                return found
        return None
    if isinstance(value, list | tuple):
        found_items = (_culprit(inner, f"{path}[{index}]", depth + 1) for index, inner in enumerate(value))
        return next((found for found in found_items if found), None)
    return _leaf(value, path)


def _leaf(value: Any, path: str) -> str | None:
    if isinstance(value, float):
        return None if math.isfinite(value) else f"{value} at {path}"
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            return f"half of a surrogate pair at {path}"
        return None
    if value is None or isinstance(value, int):
        return None
    return f"{type(value).__name__} at {path}"
