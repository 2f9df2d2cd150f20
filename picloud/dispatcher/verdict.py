"""What becomes of a delivery after an attempt. Pure: no clock, no chance, no database."""

from dataclasses import dataclass
from typing import Any

from picloud.domain.delivery import RetryPolicy
from picloud.domain.kinds import EventKind
from picloud.sandbox_pool.outcome import Control, Outcome, Status

MAX_RETRY_AFTER_S = 7 * 86_400
"""The longest pause that `ctx.retry(after_s)` gets."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """The end that was hoped for."""


@dataclass(frozen=True, slots=True)
class Retry:
    delay_s: float


@dataclass(frozen=True, slots=True)
class Dead:
    """No further attempt. `error` is what the dead letter shows: at least `type` and `message`."""

    error: dict[str, Any]


@dataclass(frozen=True, slots=True)
class PutBack:
    """There was no attempt: it does not count."""

    delay_s: float


Verdict = Delivered | Retry | Dead | PutBack


@dataclass(frozen=True, slots=True)
class Attempts:
    """Where a delivery stands: the attempt that has ended (from 1), the last one that it has, and its policy.

    A replay grants the policy's attempts once more, and its pauses start over.
    """

    attempt: int
    max_attempts: int
    policy: RetryPolicy

    @property
    def replayed(self) -> bool:
        """Whether it was a dead letter before."""
        return self.max_attempts > self.policy.max_attempts

    def delay_s(self, chance: float) -> float:
        before = self.max_attempts - self.policy.max_attempts
        return self.policy.delay_s(max(1, self.attempt - before), chance)


def judge(outcome: Outcome, kind: EventKind, attempts: Attempts, chance: float) -> Verdict:
    """The verdict on an attempt that ran. `chance` in [0, 1) spreads the pause."""
    control = outcome.control
    if outcome.status is Status.ok:
        return Delivered()
    if (control and _is_final(control, kind)) or attempts.attempt >= attempts.max_attempts:
        return Dead(_error(outcome))
    if control and control.kind == "retry" and control.after_s is not None:
        return Retry(min(max(control.after_s, 0.0), MAX_RETRY_AFTER_S))
    return Retry(attempts.delay_s(chance))


def _is_final(control: Control, kind: EventKind) -> bool:
    """`ctx.fail`; and for an HTTP call `ctx.abort` with anything but a server error: trying again would not change it."""
    refused = kind is EventKind.HTTP and control.kind == "abort" and (control.status or 500) < 500
    return refused or control.kind == "fail"


def _error(outcome: Outcome) -> dict[str, Any]:
    shown: dict[str, Any] = {"status": outcome.status.value, "type": outcome.status.value, "message": ""}
    if outcome.error:
        error = outcome.error
        shown |= {"type": error.type, "message": error.message, "line": error.line, "traceback": error.traceback}
    elif outcome.control:
        shown |= {"type": outcome.control.kind, "message": outcome.control.reason}
    return shown
