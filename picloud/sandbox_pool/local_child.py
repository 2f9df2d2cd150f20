"""A child of our own: an exec'd process with an empty environment and one descriptor."""

import contextlib
import signal
import socket

from picloud.sandbox_pool.child import Child, ChildGone
from picloud.sandbox_pool.launch import start_keeper
from picloud.sandbox_pool.process import WorkerProcess


class LocalChild(Child):
    foreign = False

    def __init__(self, module: str, paths: tuple[str, ...]) -> None:
        """Starts the process; doesn't wait until it is ready. Raises ChildGone."""
        control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with theirs:
                self._process = start_keeper(theirs, module, paths)
        except OSError as error:
            control.close()
            raise ChildGone(str(error)) from error
        super().__init__(control)
        self.pid = self._process.pid

    def running(self) -> bool:
        return self._process.poll() is None and super().running()

    def signal(self, worker: WorkerProcess, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(worker.pidfd, number)

    def stop(self) -> None:
        self.stopped = True
        self._control.close()
        self._process.kill()
        self._process.wait()
