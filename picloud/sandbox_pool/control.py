"""What `ctx.abort`, `ctx.retry` and `ctx.fail` ask for, checked where the handler's line is still known."""

import math
from typing import Any

from picloud.sandbox_pool.interrupts import ControlRequest

REASON_CHARS = 4_000
MAX_AFTER_S = 366 * 86_400


def clean(text: object, chars: int = REASON_CHARS) -> str:
    """`text` as JSON and UTF-8 can carry it, cut to `chars`: half of a surrogate pair becomes a question mark."""
    return str(text)[:chars].encode("utf-8", "replace").decode()


def abort(status: Any, detail: object) -> ControlRequest:
    """Raises TypeError and ValueError for a status that is not an error's."""
    if type(status) is not int:
        raise TypeError(f"ctx.abort() takes a whole number from 400 to 599 as its status, not {_shown(status)}")
    if not 400 <= status <= 599:
        raise ValueError(
            f"ctx.abort() takes a status from 400 to 599, not {_shown(status)}; for others return (status, body)"
        )
    reason = clean(detail)
    return ControlRequest(
        f"abort with status {status}: {reason}", {"kind": "abort", "status": status, "reason": reason}
    )


def retry(after_s: Any, reason: object) -> ControlRequest:
    """Raises TypeError and ValueError for a pause that is not a number of seconds. A pause over 366 days is cut."""
    if after_s is not None:
        if type(after_s) not in (int, float):
            raise TypeError(f"ctx.retry() takes seconds as a number, not {_shown(after_s)}")
        if not 0 <= after_s < math.inf:
            raise ValueError(f"ctx.retry() takes a finite number of seconds, 0 or more, not {_shown(after_s)}")
        after_s = min(after_s, MAX_AFTER_S)
    said = clean(reason)
    return ControlRequest(
        f"asked to be tried again {said}".rstrip(), {"kind": "retry", "after_s": after_s, "reason": said}
    )


def fail(reason: object) -> ControlRequest:
    said = clean(reason)
    return ControlRequest(said or "the handler asked to fail", {"kind": "fail", "reason": said})


def _shown(value: object) -> str:
    """`value` for a message; a number too long to be written, and whatever else can't be shown, by its type."""
    try:
        return repr(value)[:100]
    except Exception:
        return type(value).__name__
