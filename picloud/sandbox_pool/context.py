"""`ctx`: all that a handler can reach."""

import json
import time
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from picloud.sandbox_pool import control
from picloud.sandbox_pool.answer_head import Answer, answer_head
from picloud.sandbox_pool.event import Record
from picloud.sandbox_pool.handler_object import HandlerObject
from picloud.sandbox_pool.host_calls import HostCaller, Queues, Secrets, Stores
from picloud.sandbox_pool.host_http import Http
from picloud.sandbox_pool.interrupts import MESSAGES, LimitHit
from picloud.sandbox_pool.protocol import Channel, Kind


class Log(HandlerObject):
    """`ctx.log`. Each entry goes out at once, so that a killed run has logged what it logged."""

    __slots__ = ("_bytes_left", "_channel", "_limits", "_lines_left", "_started")
    _usage = "there is debug(text, **fields), info, warning and error"

    def __init__(self, channel: Channel, limits: Mapping[str, int], started: float) -> None:
        self._channel = channel
        self._limits = limits
        self._lines_left = limits["log_lines"]
        self._bytes_left = limits["log_bytes"]
        self._started = started

    def __repr__(self) -> str:
        return "<ctx.log>"

    def debug(self, message: object, /, **fields: Any) -> None:
        self._write("debug", message, fields)

    def info(self, message: object, /, **fields: Any) -> None:
        self._write("info", message, fields)

    def warning(self, message: object, /, **fields: Any) -> None:
        self._write("warning", message, fields)

    def error(self, message: object, /, **fields: Any) -> None:
        self._write("error", message, fields)

    def print(self, *values: object, sep: str | None = " ", end: str | None = "\n", flush: bool = False) -> None:
        """`print()` of a handler: one entry of level info. `end` other than a line break is added to the text."""
        ending = "" if end in (None, "\n") else str(end)
        self._write("info", (" " if sep is None else sep).join(map(str, values)) + ending, {})

    def _write(self, level: str, message: object, fields: dict[str, Any]) -> None:
        text = str(message)
        if len(text) > self._bytes_left:
            self._refuse(f"{self._limits['log_bytes']} bytes")
        at_ms = int((time.monotonic() - self._started) * 1000)
        entry = {"level": level, "message": text, "fields": fields, "at_ms": at_ms}
        body = _loggable(entry)
        self._lines_left -= 1
        self._bytes_left -= len(body)
        if self._lines_left < 0:
            self._refuse(f"{self._limits['log_lines']} lines")
        if self._bytes_left < 0:
            self._refuse(f"{self._limits['log_bytes']} bytes")
        self._channel.send(Kind.LOG, body)

    def _refuse(self, limit: str) -> NoReturn:
        raise LimitHit("output", MESSAGES["log"].format(limit=limit))


def _loggable(entry: dict[str, Any]) -> bytes:
    """JSON of `entry`; values that JSON can't say are shown as text."""
    try:
        return json.dumps(entry, ensure_ascii=False, allow_nan=False, default=repr).encode("utf-8", "replace")
    except (TypeError, ValueError):
        shown = entry | {"fields": {str(name): repr(value) for name, value in entry["fields"].items()}}
        return json.dumps(shown, ensure_ascii=False).encode("utf-8", "replace")


class Context(HandlerObject):
    """What `handler(ctx)` is given. `context` holds `app`, `script`, `version` and `principal`."""

    __slots__ = ("_context", "_deadline", "_response", "event", "http", "kv", "log", "queue", "secrets")
    _usage = (
        "there is event, kv, queue, secrets, http, log, respond, abort, retry, fail, app, script, version, principal, "
        "time_left_ms"
    )

    def __init__(self, event: Record, log: Log, call: HostCaller, context: Mapping[str, Any], deadline: float) -> None:
        self.event = event
        self.log = log
        self.http = Http(call)
        self.kv = Stores(call)
        self.queue = Queues(call)
        self.secrets = Secrets(call)
        self._context = context
        self._deadline = deadline
        self._response: Answer | None = None

    def __getattr__(self, name: str) -> Any:
        if name in self._context:
            return self._context[name]
        return super().__getattr__(name)

    def __repr__(self) -> str:
        return f"<ctx of {self._context.get('app')}/{self._context.get('script')}>"

    @property
    def time_left_ms(self) -> int:
        return max(0, int((self._deadline - time.monotonic()) * 1000))

    @property
    def print(self) -> Callable[..., None]:
        return self.log.print

    def respond(
        self,
        body: Any = None,
        status: int | None = None,
        headers: Any = None,
        content_type: str | None = None,
    ) -> Answer:
        """An HTTP answer: to return, or to leave behind (it counts where the handler returns None). Raises BadAnswer."""
        answer = Answer(body, status, headers, content_type)
        answer_head(answer)
        self._response = answer
        return answer

    def _returned(self, returned: Any) -> Any:
        return self._response if returned is None and self._response is not None else returned

    def abort(self, status: int, detail: str = "") -> NoReturn:
        raise control.abort(status, detail)

    def retry(self, after_s: float | None = None, reason: str = "") -> NoReturn:
        raise control.retry(after_s, reason)

    def fail(self, reason: str = "") -> NoReturn:
        raise control.fail(reason)
