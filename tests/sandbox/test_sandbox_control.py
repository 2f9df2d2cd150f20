"""`ctx.abort`, `ctx.retry` and `ctx.fail` with every kind of argument: a mistake is an error with its line."""

import pytest

from picloud.sandbox_pool.outcome import Status
from tests.sandbox.kit import RunScript


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("ctx.abort(200)", "a status from 400 to 599, not 200; for others return (status, body)"),
        ("ctx.abort(302)", "a status from 400 to 599, not 302"),
        ("ctx.abort(99)", "a status from 400 to 599, not 99"),
        ("ctx.abort(600)", "a status from 400 to 599, not 600"),
        ("ctx.abort(10**5000)", "a status from 400 to 599, not int"),
        ("ctx.abort('x')", "a whole number from 400 to 599 as its status, not 'x'"),
        ("ctx.abort(404.0)", "a whole number from 400 to 599 as its status, not 404.0"),
        ("ctx.abort(True)", "a whole number from 400 to 599 as its status, not True"),
        ("ctx.retry(after_s=-5)", "a finite number of seconds, 0 or more, not -5"),
        ("ctx.retry(after_s=float('nan'))", "a finite number of seconds, 0 or more, not nan"),
        ("ctx.retry(after_s=float('inf'))", "a finite number of seconds, 0 or more, not inf"),
        ("ctx.retry(after_s='x')", "seconds as a number, not 'x'"),
        ("ctx.retry(after_s=True)", "seconds as a number, not True"),
    ],
)
def test_mistakes_are_errors_with_their_line(run: RunScript, call: str, message: str) -> None:
    outcome = run(f"def handler(ctx):\n    x = 1\n    {call}")
    assert outcome.status is Status.error
    assert outcome.control is None
    assert outcome.error is not None
    assert message in outcome.error.message
    assert outcome.error.line == 3


@pytest.mark.parametrize(
    ("after_s", "asked"), [("1e12", 366 * 86_400), ("10**400", 366 * 86_400), ("0", 0), ("1.5", 1.5), ("None", None)]
)
def test_a_long_pause_is_cut(run: RunScript, after_s: str, asked: float | None) -> None:
    outcome = run(f"def handler(ctx):\n    ctx.retry(after_s={after_s})")
    assert outcome.control is not None
    assert (outcome.control.kind, outcome.control.after_s) == ("retry", asked)


@pytest.mark.parametrize(
    ("kind", "call"), [("abort", "ctx.abort(422, {})"), ("retry", "ctx.retry(1, {})"), ("fail", "ctx.fail({})")]
)
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("'a' * 100_000", "a" * 4_000),
        ("'\\U0001f600' * 4_001", "\U0001f600" * 4_000),
        ("'\\ud800b'", "?b"),
        ("None", "None"),
    ],
    ids=["long", "long emoji", "surrogate", "None"],
)
def test_reasons_are_cut_and_cleaned(run: RunScript, kind: str, call: str, text: str, reason: str) -> None:
    outcome = run(f"def handler(ctx):\n    {call.format(text)}")
    assert outcome.status is Status.error
    assert outcome.control is not None
    assert (outcome.control.kind, outcome.control.reason) == (kind, reason)
    assert outcome.error is not None
    assert outcome.error.line == 2
