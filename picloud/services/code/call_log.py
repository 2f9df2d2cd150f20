"""What a run asked its host for, and how long that took: no values, and no addresses beyond their hosts."""

import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from picloud.domain.text import clean
from picloud.sandbox_pool.outcome import HostCall

CALLS_MAX = 50
TARGET_MAX_CHARS = 200


class CallLog:
    """Stands between a run and its host. Keeps the first CALLS_MAX calls; `at_ms` counts from here on."""

    def __init__(self, host: Callable[[str, Mapping[str, Any]], Any]) -> None:
        self._host = host
        self._began = time.monotonic()
        self.calls: list[HostCall] = []

    def __call__(self, verb: str, args: Mapping[str, Any]) -> Any:
        if len(self.calls) >= CALLS_MAX:
            return self._host(verb, args)
        began, ok = time.monotonic(), False
        try:
            reply = self._host(verb, args)
            ok = True
            return reply
        finally:
            took_ms, at_ms = time.monotonic() - began, began - self._began
            call = HostCall(
                verb=verb,
                target=_target(verb, args),
                at_ms=round(at_ms * 1000),
                took_ms=round(took_ms * 1000, 2),
                ok=ok,
            )
            self.calls.append(call)


def _target(verb: str, args: Mapping[str, Any]) -> str:
    """What the call was about. `args` are hostile."""
    if verb == "http.request":
        parts = [args.get("method", ""), _host_of(args.get("url", ""))]
    else:
        parts = [args[name] for name in ("collection", "name", "key", "prefix") if args.get(name) is not None]
    text = (" " if verb == "http.request" else "/").join(str(part)[:TARGET_MAX_CHARS] for part in parts)
    short: str = clean(text[:TARGET_MAX_CHARS])
    return short


def _host_of(url: object) -> str:
    try:
        return urlsplit(str(url)[:TARGET_MAX_CHARS]).hostname or ""
    except ValueError:
        return ""
