"""How a run ended."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, TypedDict

from picloud.sandbox_pool.limits import Limits


class Status(StrEnum):
    """`error`: the handler raised, asked to fail, or returned what can't be sent. `cpu`, `wall`, `memory`, `output`:
    a limit was passed. `syscall`: killed for a system call. `crash`: the worker died. `protocol`: it sent what no
    honest worker sends. `lost`: only the dispatcher says so."""

    ok = "ok"
    error = "error"
    cpu = "cpu"
    wall = "wall"
    memory = "memory"
    output = "output"
    syscall = "syscall"
    crash = "crash"
    protocol = "protocol"
    lost = "lost"


@dataclass(frozen=True, slots=True)
class ErrorInfo:
    """`line` is 1-based, in the script named by `script`, or None where it isn't known (a hard kill)."""

    type: str
    message: str
    line: int | None = None
    traceback: str = ""
    script: str | None = None


@dataclass(frozen=True, slots=True)
class Control:
    """What `ctx.retry(after_s)`, `ctx.fail(reason)` or `ctx.abort(status, detail)` asked for; the status is `error`."""

    kind: Literal["retry", "fail", "abort"]
    after_s: float | None = None
    reason: str = ""
    status: int | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP answer, checked: `headers` are safe to send as they are and hold neither content type nor length."""

    status: int
    headers: tuple[tuple[str, str], ...]
    content_type: str | None
    body: bytes


class LogEntry(TypedDict):
    """`at_ms` counts from the start of the run."""

    level: str
    message: str
    fields: dict[str, Any]
    at_ms: int


class HostCall(TypedDict):
    """A call through `ctx`. `target`: what it was about; `took_ms`: until its answer; `ok`: it did not fail."""

    verb: str
    target: str
    at_ms: int
    took_ms: float
    ok: bool


@dataclass(slots=True)
class Outcome:
    """`result` is JSON as it can be stored (None where the run failed or the answer was bytes). `response` is there for
    events of kind `http` alone. `memory_peak_bytes` is how far the worker's address space grew over an empty worker;
    where a reused worker stayed under its own earlier peak, its present size, which is a lower bound. `host_calls`: the first.
    `executor_gone`: a `crash` of the executor's, not of the run's own making.
    """

    status: Status
    limits: Limits
    result: bytes | None = None
    response: Response | None = None
    error: ErrorInfo | None = None
    control: Control | None = None
    logs: list[LogEntry] = field(default_factory=list)
    wall_ms: float = 0.0
    cpu_ms: float = 0.0
    memory_peak_bytes: int = 0
    host_calls: list[HostCall] = field(default_factory=list)
    executor_gone: bool = False
