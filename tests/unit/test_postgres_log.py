"""What of the server's own log is passed on."""

import io
import logging

import pytest

from picloud.postgres.log import ServerLog


def pump(text: bytes, *, audible: bool) -> ServerLog:
    log = ServerLog(io.BytesIO(text))
    log.audible = audible
    log.run()
    return log


def test_warnings_and_worse_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "picloud.postgres"):
        pump(b"LOG:  ready\nWARNING:  odd\nERROR:  no\nFATAL:  out\nPANIC:  dead\n", audible=True)
    assert [(record.levelname, record.message) for record in caplog.records] == [
        ("WARNING", "WARNING:  odd"),
        ("WARNING", "ERROR:  no"),
        ("WARNING", "FATAL:  out"),
        ("ERROR", "PANIC:  dead"),
    ]


def test_before_it_is_ready_nothing_is_logged_but_kept_for_the_error(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "picloud.postgres"):
        log = pump(b"FATAL:  lock file exists\n", audible=False)
    assert caplog.records == []
    assert list(log._kept) == ["FATAL:  lock file exists"]


def test_a_flood_is_cut(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "picloud.postgres"):
        log = pump(b"WARNING:  " + b"x" * 100_000 + b"\n", audible=True)
    assert sum(len(line) for line in log._kept) <= 20_000
    assert len(caplog.records) == 1
