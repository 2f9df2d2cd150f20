"""What ends a handler from inside: limits, and what it asked for itself. Neither is an `Exception`, so that a handler's
`except Exception` doesn't swallow it."""

import signal
from typing import Any

MESSAGES = {
    "cpu": "the handler used up its CPU time of {limit} ms",
    "wall": "the handler took longer than {limit} ms",
    "memory": "the handler used up its memory of {limit} bytes",
    "output": "the handler's answer is larger than {limit} bytes",
    "log": "the handler logged more than {limit}",
}
CPU_SIGNAL = signal.SIGXCPU
WALL_SIGNAL = signal.SIGALRM


class LimitHit(BaseException):
    """A limit was passed. `status` is the outcome's."""

    def __init__(self, status: str, message: str) -> None:
        super().__init__(message)
        self.status = status


class ControlRequest(BaseException):
    """`ctx.retry`, `ctx.fail` or `ctx.abort`. `control` holds the fields of `outcome.Control`."""

    def __init__(self, message: str, control: dict[str, Any]) -> None:
        super().__init__(message)
        self.control = control


class Alarm:
    """Turns the driver's polite signals into `LimitHit`, but only while a handler runs."""

    def __init__(self) -> None:
        self.armed = False
        self.limits: dict[str, int] = {}

    def install(self) -> None:
        signal.signal(CPU_SIGNAL, self._ring)
        signal.signal(WALL_SIGNAL, self._ring)

    def _ring(self, number: int, frame: object) -> None:
        if self.armed:
            self.armed = False
            status = "cpu" if number == CPU_SIGNAL else "wall"
            raise LimitHit(status, MESSAGES[status].format(limit=self.limits[f"{status}_ms"]))
