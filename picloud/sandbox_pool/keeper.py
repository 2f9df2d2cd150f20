"""The executor process itself: prepares, enters namespaces, forks the zygote as their pid 1, and ends when that ends."""

import os
import sys

from picloud.sandbox_pool.namespaces import drop_root, enter


def main(control_fd: int, module: str) -> None:
    """Never returns. `module` has `prepare()`, called before the fork so that its memory is shared, and
    `main(control_fd, namespaces)`, which serves the control socket and never returns."""
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
    _, status = os.waitpid(pid, 0)
    os._exit(os.waitstatus_to_exitcode(status) & 0xFF)
