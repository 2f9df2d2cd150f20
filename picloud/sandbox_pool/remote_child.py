"""A child of `picloud executor`: another user's process, on the other end of a Unix socket."""

import contextlib
import signal
import socket
import time
from pathlib import Path

from picloud.sandbox_pool.child import Child, ChildGone
from picloud.sandbox_pool.process import WorkerProcess

CONNECT_TIMEOUT_S = 5.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 2.0
"""Between tries to connect, while there is no executor."""
_SEND_TIMEOUT_S = 10.0


class RemoteChild(Child):
    """The server starts a process for each connection, and ends it with the connection.

    Another user's processes can't be signalled from here; and a pidfd that an executor sends need not be its worker's.
    """

    foreign = True

    def __init__(self, control: socket.socket) -> None:
        super().__init__(control)
        self._signals = control.dup()  # of its own timeout
        self._signals.settimeout(_SEND_TIMEOUT_S)

    def signal(self, worker: WorkerProcess, number: signal.Signals) -> None:
        request = b'{"op": "signal", "pid": %d, "signal": %d}' % (worker.inner_pid, number)
        try:
            self._signals.send(request, socket.MSG_NOSIGNAL)
        except OSError:  # it has ended, and its workers with it; or it hangs, and has to
            self._hang_up()

    def stop(self) -> None:
        self.stopped = True
        self._hang_up()
        self._signals.close()
        self._control.close()

    def _hang_up(self) -> None:
        """Whatever else has the descriptor keeps a dead one."""
        with contextlib.suppress(OSError):
            self._control.shutdown(socket.SHUT_RDWR)


class ExecutorSocket:
    """Connects to the executor that listens at `path`. Not thread-safe."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._pause_s = 0.0
        self._rest_until = 0.0
        self._why = ""

    def __call__(self) -> Child:
        """A new connection. Raises ChildGone, after a failure for a while without another try."""
        if time.monotonic() < self._rest_until:
            raise ChildGone(self._why)
        control = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        control.settimeout(CONNECT_TIMEOUT_S)
        try:
            control.connect(str(self._path))
        except OSError as error:
            control.close()
            self._why = f"{self._path}: {error.strerror or error}"
            self._pause_s = min(max(2 * self._pause_s, FIRST_PAUSE_S), LONGEST_PAUSE_S)
            self._rest_until = time.monotonic() + self._pause_s
            raise ChildGone(self._why) from error
        self._pause_s = 0.0
        return RemoteChild(control)
