"""Processes by pidfd: never a signal to a process that only inherited the number."""

import errno
import os
import select
import signal
from contextlib import suppress

_FAST_S = 60  # a shutdown checkpoint on a slow SD card
_IMMEDIATE_S = 10


def has_ended(pidfd: int, timeout_s: float) -> bool:
    """Whether the process ends within `timeout_s`."""
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(timeout_s * 1000))


def shut_down(pidfd: int) -> None:
    """PostgreSQL's fast shutdown; the immediate one if it hangs, and SIGKILL only if that hangs too."""
    for number, patience_s in (
        (signal.SIGINT, _FAST_S),
        (signal.SIGQUIT, _IMMEDIATE_S),
        (signal.SIGKILL, _IMMEDIATE_S),
    ):
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(pidfd, number)
        if has_ended(pidfd, patience_s):
            return


def open_pidfd(pid: int) -> int | None:
    """A pidfd of `pid`, or None when there is no such process."""
    try:
        return os.pidfd_open(pid)
    except OSError as error:
        if error.errno in (errno.ESRCH, errno.EINVAL):  # EINVAL: the number is a thread's now
            return None
        raise
