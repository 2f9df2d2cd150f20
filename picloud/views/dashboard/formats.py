"""How pages spell moments, durations and sizes."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from markupsafe import Markup, escape

from picloud.domain.clock import rfc3339

_TICKS = re.compile(r"`([^`]+)`")
_SPANS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def span(seconds: float) -> str:
    """The one or two largest units, seconds alone: `3 d 4 h`, `12 min`, `0 s`."""
    left, parts = int(abs(seconds)), list[str]()
    for size, unit in _SPANS:
        if left >= size and not (parts and unit == "s"):
            parts.append(f"{left // size} {unit}")
            left %= size
    return " ".join(parts[:2]) or "0 s"


def ago(moment: datetime | str | None) -> str | Markup:
    """Relative, with the exact time to hover over and for machines. API views give moments, or their text."""
    if moment is None:
        return "never"
    moment = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    passed = (datetime.now(UTC) - moment).total_seconds()
    said = f"{span(passed)} ago" if passed >= 0 else f"in {span(passed)}"
    return Markup('<time datetime="{0}" title="{0}">{1}</time>').format(exact(moment), said)


def exact(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def milliseconds(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value / 1000:.1f} s" if value >= 1000 else f"{value:.0f} ms" if value >= 10 else f"{value:.1f} ms"


def size(value: float | None) -> str:
    if value is None:
        return "-"
    for unit in ("B", "KiB", "MiB"):
        if value < 1024:
            return f"{value:.0f} {unit}"
        value /= 1024
    return f"{value:.1f} GiB"


def ticks(text: str) -> Markup:
    """What stands between backticks, as code."""
    return Markup(_TICKS.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704


def pretty(value: Any) -> str:
    """JSON for people."""
    return json.dumps(value, indent=2, ensure_ascii=False, default=_text)


def compact(value: Any) -> str:
    """JSON in one line."""
    return json.dumps(value, ensure_ascii=False, default=_text)


def _text(value: Any) -> str:
    return rfc3339(value) if isinstance(value, datetime) else str(value)


def due(moment: datetime | str) -> str | Markup:
    """As `ago`; what is due already waits for a worker."""
    moment = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return ago(moment) if moment > datetime.now(UTC) else "now"


def tail(value: str) -> str:
    """What tells one id from its neighbours."""
    return f"…{value[-8:]}"


def duration(value: timedelta | float) -> str:
    return span(value.total_seconds() if isinstance(value, timedelta) else value)


FILTERS: dict[str, Callable[..., Any]] = {
    "ago": ago,
    "ms": milliseconds,
    "bytes": size,
    "due": due,
    "exact": exact,
    "tail": tail,
    "ticks": ticks,
    "pretty": pretty,
    "compact": compact,
    "duration": duration,
}
