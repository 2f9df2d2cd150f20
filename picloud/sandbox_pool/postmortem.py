"""Reads from how a worker ended what its run used and why it died."""

import signal

from picloud.sandbox_pool.outcome import ErrorInfo, Outcome, Status
from picloud.sandbox_pool.process import Exit

_NEARLY = 0.8


def amend(outcome: Outcome, exit: Exit | None, base_resident_bytes: int) -> None:
    """Refines a `crash` by the way the worker ended. `exit` is None where nobody knows it."""
    if exit is None or outcome.status is not Status.crash:
        return
    grown = exit.resident_bytes - base_resident_bytes
    outcome.memory_peak_bytes = max(outcome.memory_peak_bytes, grown)
    if exit.code == -signal.SIGSYS:
        outcome.status = Status.syscall
        outcome.error = ErrorInfo("ForbiddenCall", "the worker was killed for a forbidden system call")
    elif grown >= _NEARLY * outcome.limits.memory_bytes:
        outcome.status = Status.memory
        outcome.error = ErrorInfo("LimitHit", "the worker died when it had used up its memory")
    elif exit.code < 0:
        name = signal.Signals(-exit.code).name
        outcome.error = ErrorInfo("WorkerDied", f"the worker was ended by {name}")
    else:
        outcome.error = ErrorInfo("WorkerDied", f"the worker ended by itself with code {exit.code}")
