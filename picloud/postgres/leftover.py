"""What a PiCloud that was killed left behind: a server that still runs, or one's process id."""

import os

from picloud.postgres import pidfile, process
from picloud.postgres.layout import Layout


def end_server(layout: Layout) -> None:
    """Ends it cleanly. Call it as the owner of the data folder: then nobody else uses that server."""
    known = pidfile.read(layout.pgdata)
    pidfd = process.open_pidfd(known.pid) if known else None
    if known is None or pidfd is None:
        return
    try:
        if pidfile.serves(known.pid, layout.possible_pgdata()):
            process.shut_down(pidfd)
    finally:
        os.close(pidfd)


def reused_pid(layout: Layout) -> int | None:
    """The process id in postmaster.pid when it now belongs to something else: after a power cut, or a zombie.

    PostgreSQL would take any live process of its own user for a rival and refuse to start.
    """
    known = pidfile.read(layout.pgdata)
    if known is None or pidfile.serves(known.pid, layout.possible_pgdata()):
        return None
    return known.pid
