"""Ending a process: politely first."""

import os
import signal
import subprocess

import pytest

from picloud.postgres import process


@pytest.mark.parametrize(
    ("ignored", "ended_by"),
    [("", signal.SIGINT), ("INT", signal.SIGQUIT), ("INT QUIT", signal.SIGKILL)],
)
def test_only_what_hangs_is_killed(monkeypatch: pytest.MonkeyPatch, ignored: str, ended_by: signal.Signals) -> None:
    monkeypatch.setattr(process, "_FAST_S", 0.2 if ignored else 20)
    monkeypatch.setattr(process, "_IMMEDIATE_S", 0.2 if "QUIT" in ignored else 20)
    script = f"trap '' {ignored}; echo ready; exec sleep 600" if ignored else "echo ready; exec sleep 600"
    child = subprocess.Popen(
        ["sh", "-c", script], stdout=subprocess.PIPE, start_new_session=True, preexec_fn=_with_default_signals
    )
    assert child.stdout is not None
    child.stdout.readline()
    pidfd = os.pidfd_open(child.pid)
    process.shut_down(pidfd)
    child.communicate()
    os.close(pidfd)
    assert child.returncode == -ended_by


def _with_default_signals() -> None:
    """A shell's background job, as the tests may be, ignores these two, and so do its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)


def test_an_unused_number_is_no_process() -> None:
    child = subprocess.Popen(["true"])
    child.wait()
    assert process.open_pidfd(child.pid) is None
