"""A PostgreSQL that doesn't start for days fills no log, and is started when it can be."""

import logging

import pytest

from picloud.cli import restarts
from picloud.cli.restarts import Restarts


def test_of_many_failures_few_are_logged(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restarts, "FIRST_PAUSE_S", 0.0)
    caplog.set_level(logging.INFO)
    tries = 0

    def restart() -> None:
        nonlocal tries
        tries += 1
        if tries <= 100:
            raise OSError("No space left on device")

    made = Restarts(restart)
    made.make()
    while made.are_due():
        made.make()
    assert tries == 101
    assert made.failed == 0
    assert [record.fields["failed"] for record in caplog.records if hasattr(record, "fields")] == [
        *(1, 2, 4, 8, 16, 32, 64),
        100,
    ]


def test_the_next_try_waits_longer_but_not_for_long() -> None:
    def restart() -> None:
        raise OSError("No space left on device")

    made = Restarts(restart)
    pauses = []
    for _ in range(20):
        made.make()
        pauses.append(made.pause_s())
    assert pauses[0] <= restarts.FIRST_PAUSE_S
    assert not made.are_due()
    assert restarts.LONGEST_PAUSE_S - 1 < pauses[-1] <= restarts.LONGEST_PAUSE_S
