"""The executor process itself: prepares, enters namespaces, forks the zygote as their pid 1, and ends when that ends."""

import os
import signal
import sys

from picloud.sandbox_pool import libc
from picloud.sandbox_pool.namespaces import drop_root, enter


def main(control_fd: int, module: str, parent: int) -> None:
    """Never returns. `module` has `prepare()`, called before the fork so that its memory is shared, and
    `main(control_fd, namespaces)`, which serves the control socket and never returns.

    `parent`: the pid of the process to die with; 0: none."""
    __import__(module)
    zygote = sys.modules[module]
    zygote.prepare()
    namespaces = enter()
    pid = os.fork()
    if pid == 0:
        zygote.main(control_fd, namespaces)
        os._exit(1)
    os.close(control_fd)
    drop_root()
    if parent:
        _die_with(parent)
    _, status = os.waitpid(pid, 0)
    os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


def _die_with(parent: int) -> None:
    """After the change of uid, which would clear it. The zygote dies with us, and its workers with it."""
    libc.prctl(libc.PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
