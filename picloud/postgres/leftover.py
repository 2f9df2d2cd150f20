"""A server that outlived its PiCloud: ended cleanly before the next one starts."""

import os

from picloud.postgres import pidfile, process
from picloud.postgres.layout import Layout


def end(layout: Layout) -> None:
    """Call it as the owner of the data folder: then nobody else uses that server."""
    known = pidfile.read(layout.pgdata)
    if known is None:
        return
    pidfd = process.open_pidfd(known.pid)
    if pidfd is None:
        return
    try:
        if pidfile.serves(known.pid, layout.possible_pgdata()):
            process.shut_down(pidfd)
    finally:
        os.close(pidfd)
