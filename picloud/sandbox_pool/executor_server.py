"""`picloud executor`: gives each driver that connects a zygote of its own, and ends it when either is gone.

The connection itself is the zygote's control socket, so nothing that is said passes through here: a driver and its
workers speak to each other as they do within one process. The kernel shares the machine between the drivers.
"""

import contextlib
import logging
import os
import select
import socket
import struct
import subprocess
from dataclasses import dataclass
from threading import Event

from picloud.sandbox_pool.launch import ZYGOTE, start_keeper

log = logging.getLogger("picloud.executor")

MAX_DRIVERS = 32
_CREDENTIALS = struct.Struct("3i")
"""struct ucred of unix(7): pid, uid, gid."""


@dataclass(frozen=True, slots=True)
class _Driver:
    """`connection` is kept to hear when the driver hangs up: a zygote may be too busy to."""

    connection: socket.socket
    keeper: "subprocess.Popen[bytes]"
    pidfd: int
    pid: int


class ExecutorServer:
    """`run` blocks until `stop` is called from another thread. Asleep unless a driver comes or goes.

    `listening`: a bound socket of SOCK_SEQPACKET; who may connect is a matter of its mode. `module`, `paths`: see `Executor`.
    """

    def __init__(self, listening: socket.socket, module: str = ZYGOTE, paths: tuple[str, ...] = ()) -> None:
        self._listening = listening
        self._module = module
        self._paths = paths
        self._drivers: dict[int, _Driver] = {}
        """By each of their two descriptors."""
        self._wakeup = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._poll = select.poll()
        self._poll.register(listening, select.POLLIN)
        self._poll.register(self._wakeup, select.POLLIN)
        listening.listen(MAX_DRIVERS)
        listening.setblocking(False)
        self._stopped = False
        self._turned = Event()

    def run(self) -> None:
        while not self._stopped:
            self._turn()
        for driver in set(self._drivers.values()):
            self._end(driver)

    def stop(self) -> None:
        self._stopped = True
        os.eventfd_write(self._wakeup, 1)

    def responds(self, timeout_s: float) -> bool:
        """Whether its loop still turns. From another thread."""
        self._turned.clear()
        os.eventfd_write(self._wakeup, 1)
        return self._turned.wait(timeout_s)

    def _turn(self) -> None:
        for fd, _ in self._poll.poll():
            if fd == self._listening.fileno():
                self._accept()
            elif fd == self._wakeup:
                with contextlib.suppress(BlockingIOError):
                    os.eventfd_read(fd)
            elif fd in self._drivers:
                self._end(self._drivers[fd])
        self._turned.set()

    def _accept(self) -> None:
        try:
            connection, _ = self._listening.accept()
        except OSError:  # it has hung up already
            return
        pid, uid, _ = _CREDENTIALS.unpack(
            connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        )
        fields = {"pid": pid, "uid": uid}
        if len(self._drivers) >= 2 * MAX_DRIVERS:
            log.error("too many drivers; this one is refused", extra={"fields": fields})
            connection.close()
            return
        try:
            self._begin(connection, pid)
        except OSError as error:
            log.error("no zygote could be started", extra={"fields": fields | {"detail": str(error)}})
            connection.close()
        else:
            log.info("a driver has come", extra={"fields": fields})

    def _begin(self, connection: socket.socket, pid: int) -> None:
        connection.setblocking(True)
        keeper = start_keeper(connection, self._module, self._paths, dies_with_us=True)
        driver = _Driver(connection, keeper, os.pidfd_open(keeper.pid), pid)
        self._drivers |= {connection.fileno(): driver, driver.pidfd: driver}
        self._poll.register(connection, 0)  # POLLHUP alone
        self._poll.register(driver.pidfd, select.POLLIN)

    def _end(self, driver: _Driver) -> None:
        """Its workers die with their zygote, which dies with its keeper."""
        driver.keeper.kill()
        driver.keeper.wait()
        for fd in (driver.connection.fileno(), driver.pidfd):
            self._poll.unregister(fd)
            del self._drivers[fd]
        driver.connection.close()
        os.close(driver.pidfd)
        log.info("a driver has gone", extra={"fields": {"pid": driver.pid}})
