"""A running PostgreSQL that is our child."""

import os
import time

from picloud.postgres import leftover, pidfile, process
from picloud.postgres.errors import PostgresError
from picloud.postgres.layout import Layout
from picloud.postgres.log import ServerLog
from picloud.postgres.programs import Programs

_READY_S = 300  # crash recovery reads up to max_wal_size from a slow card
_POLL_S = 0.02
_RETRY_S = 0.05
_RETRY_FOR_S = 15
# A predecessor that is not reaped yet, or whose backends have not noticed its death: it passes by itself.
_PASSING = ("already exists", "still in use")


class Server:
    """The postmaster. `pidfd` becomes readable when it ends."""

    def __init__(self, programs: Programs, arguments: list[str]) -> None:
        self._programs = programs
        self._process = programs.spawn("postgres", *arguments, environment=_not_a_rival(programs.layout))
        self.pidfd = os.pidfd_open(self._process.pid)
        assert self._process.stdout is not None
        self._log = ServerLog(self._process.stdout)
        self._log.start()

    @property
    def alive(self) -> bool:
        return not process.has_ended(self.pidfd, 0)

    def wait_until_ready(self) -> None:
        """Raises PostgresError when it ends instead, or takes too long."""
        pgdata = self._programs.layout.pgdata
        deadline = time.monotonic() + _READY_S
        while not process.has_ended(self.pidfd, _POLL_S):
            if pidfile.read(pgdata) == pidfile.PidFile(self._process.pid, ready=True):
                self._log.audible = True
                return
            if time.monotonic() > deadline:
                raise PostgresError(f"PostgreSQL in {pgdata} is not ready after {_READY_S} s: {self._log.tail()}")
        raise self._programs.failure("postgres", self._process.wait(), self._log.tail())

    def stop(self) -> None:
        """Ends it when it still runs, and clears up after it."""
        self._log.audible = False  # it would warn about every connection that it ends
        process.shut_down(self.pidfd)
        self._process.wait()
        os.close(self.pidfd)


def _not_a_rival(layout: Layout) -> dict[str, str]:
    """PostgreSQL's own way to be told that a process id in postmaster.pid is no server's.

    It still makes sure that nobody is attached to the old shared memory
    (CreateLockFile in src/backend/utils/init/miscinit.c).
    """
    pid = leftover.reused_pid(layout)
    return {} if pid is None else {"PG_GRANDPARENT_PID": str(pid)}


def start_server(programs: Programs, arguments: list[str]) -> Server:
    """A server that accepts connections. Waits for a dead predecessor to be gone. Raises PostgresError."""
    deadline = time.monotonic() + _RETRY_FOR_S
    while True:
        server = Server(programs, arguments)
        try:
            server.wait_until_ready()
        except PostgresError as error:
            server.stop()
            if time.monotonic() > deadline or not any(words in str(error) for words in _PASSING):
                raise
        except BaseException:
            server.stop()
            raise
        else:
            return server
        time.sleep(_RETRY_S)
