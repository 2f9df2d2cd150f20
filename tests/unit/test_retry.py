"""What becomes of a delivery after an attempt."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picloud.dispatcher.verdict import MAX_RETRY_AFTER_S, Attempts, Dead, Delivered, Retry, Verdict, judge
from picloud.domain.delivery import RetryPolicy
from picloud.domain.kinds import EventKind
from picloud.sandbox_pool.limits import Limits
from picloud.sandbox_pool.outcome import Control, ErrorInfo, Outcome, Status

POLICY = RetryPolicy(max_attempts=4, backoff_base_s=10, backoff_cap_s=35, timeout_s=5)
BOOM = ErrorInfo("ValueError", "boom", 3, "Traceback …")


def verdict(
    status: Status = Status.error,
    *,
    attempt: int = 1,
    max_attempts: int = 4,
    control: Control | None = None,
    kind: EventKind = EventKind.EMAIL,
    chance: float = 0.0,
) -> Verdict:
    outcome = Outcome(status, Limits(), error=None if status is Status.ok else BOOM, control=control)
    return judge(outcome, kind, Attempts(attempt, max_attempts, POLICY), chance)


def test_success_is_the_end() -> None:
    assert verdict(Status.ok) == Delivered()


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.ok])
def test_every_failure_is_tried_again_until_the_last_attempt(status: Status) -> None:
    assert isinstance(verdict(status, attempt=3), Retry)
    assert isinstance(verdict(status, attempt=4), Dead)
    assert isinstance(verdict(status, attempt=5), Dead)


@pytest.mark.parametrize(("attempt", "pause_s"), [(1, 10), (2, 20), (3, 35)])
def test_the_pause_doubles_up_to_the_cap(attempt: int, pause_s: float) -> None:
    assert verdict(attempt=attempt, chance=0.0) == Retry(pause_s / 2)
    assert verdict(attempt=attempt, chance=1.0) == Retry(pause_s)


def test_after_a_replay_the_pauses_start_over() -> None:
    assert verdict(attempt=5, max_attempts=8) == verdict(attempt=1)
    assert verdict(attempt=7, max_attempts=8) == verdict(attempt=3)
    assert isinstance(verdict(attempt=8, max_attempts=8), Dead)


@given(attempt=st.integers(1, 10**6), chance=st.floats(0, 1, exclude_max=True))
def test_no_pause_is_longer_than_the_cap(attempt: int, chance: float) -> None:
    pause = verdict(attempt=attempt, max_attempts=10**7, chance=chance)
    assert isinstance(pause, Retry)
    assert 5 <= pause.delay_s <= 35


def test_the_handler_may_choose_the_pause_but_not_the_number() -> None:
    again = Control("retry", after_s=90.0)
    assert verdict(control=again) == Retry(90.0)
    assert isinstance(verdict(control=again, attempt=4), Dead)


@pytest.mark.parametrize(("asked_s", "pause_s"), [(-5.0, 0.0), (0.0, 0.0), (1e12, MAX_RETRY_AFTER_S)])
def test_a_senseless_pause_is_made_sensible(asked_s: float, pause_s: float) -> None:
    assert verdict(control=Control("retry", after_s=asked_s)) == Retry(pause_s)


def test_a_retry_without_a_pause_takes_the_policys() -> None:
    assert verdict(control=Control("retry")) == Retry(5.0)


def test_fail_is_final() -> None:
    assert isinstance(verdict(control=Control("fail", reason="no")), Dead)


@pytest.mark.parametrize(
    ("kind", "status", "expected"),
    [
        (EventKind.HTTP, 404, Dead),
        (EventKind.HTTP, 500, Retry),
        (EventKind.HTTP, None, Retry),
        (EventKind.EMAIL, 404, Retry),
    ],
)
def test_abort_ends_a_call_unless_it_says_that_the_server_failed(
    kind: EventKind, status: int | None, expected: type
) -> None:
    assert isinstance(verdict(control=Control("abort", status=status), kind=kind), expected)


def test_the_dead_letter_shows_the_last_error() -> None:
    assert verdict(Status.cpu, attempt=4) == Dead(
        {"status": "cpu", "type": "ValueError", "message": "boom", "line": 3, "traceback": "Traceback …"}
    )
