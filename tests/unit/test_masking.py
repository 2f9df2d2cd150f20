"""What is kept of a run holds none of the secrets that it read."""

import json
from typing import Any
from urllib.parse import quote

import pytest

from picloud.sandbox_pool.limits import Limits
from picloud.sandbox_pool.outcome import Control, ErrorInfo, LogEntry, Outcome, Status
from picloud.services.code.masking import mask, masked

SECRET = 'key: "é"\nhunter2'


@pytest.mark.parametrize(
    "text", [SECRET, json.dumps(SECRET), json.dumps(SECRET, ensure_ascii=False), repr([SECRET]), quote(SECRET, safe="")]
)
def test_however_it_is_spelt(text: str) -> None:
    assert "hunter2" not in masked(f"before {text} after", [SECRET])
    assert masked("hunter", [SECRET]) == "hunter"


def test_one_secret_in_another_leaves_no_rest() -> None:
    assert masked("abcdef abc", ["abc", "abcdef"]) == "*** ***"


def test_all_that_is_kept() -> None:
    entry: LogEntry = {"level": "info", "message": SECRET, "fields": {SECRET: [SECRET]}, "at_ms": 1}
    outcome = Outcome(
        Status.error,
        Limits(),
        result=json.dumps({"t": [SECRET, 1.5, 10**30]}).encode(),
        error=ErrorInfo("ValueError", SECRET, 1, SECRET),
        control=Control("fail", reason=SECRET),
        logs=[entry],
    )
    mask(outcome, [SECRET])
    assert "hunter2" not in repr(outcome)
    assert outcome.result == b'{"t":["***",1.5,1000000000000000000000000000000]}'


def test_what_can_t_be_looked_through_is_masked_whole() -> None:
    deep: Any = SECRET
    for _ in range(5_000):
        deep = [deep]
    assert masked(deep, [SECRET]) == "***"
    entry: LogEntry = {"level": "info", "message": "x", "fields": {"deep": deep}, "at_ms": 1}
    outcome = Outcome(Status.ok, Limits(), result=b"[" * 5_000 + b"]" * 5_000, logs=[entry])
    mask(outcome, [SECRET])
    assert (outcome.result, outcome.logs[0]["fields"]) == (b'"***"', {})
