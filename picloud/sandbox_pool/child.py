"""One executor process, as its parent holds it: a control socket, and the process at its other end."""

import contextlib
import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import picloud
from picloud.sandbox_pool.process import Exit, WorkerProcess

MESSAGE_BYTES = 4_096
START_TIMEOUT_S = 30.0
REPLY_TIMEOUT_S = 10.0
_BOOTSTRAP = """
import sys
fd, module, *paths = sys.argv[1:]
sys.path += paths
from picloud.sandbox_pool.keeper import main
main(int(fd), module)
"""


class ChildGone(Exception):
    """The process has ended, or doesn't answer."""


class Child:
    """Not thread-safe. `forks` counts its workers, `living` those not buried yet."""

    def __init__(self, module: str, paths: tuple[str, ...]) -> None:
        """Starts the process; doesn't wait until it is ready. It gets an empty environment and one descriptor."""
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [sys.executable, "-I", "-S", "-c", _BOOTSTRAP, str(theirs.fileno()), module, *import_paths(), *paths]
        with theirs:
            self._process = subprocess.Popen(
                command,
                env={},
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )
        self._greeting: dict[str, Any] | None = None
        self.pid = self._process.pid
        self.pidfd = os.pidfd_open(self.pid)
        self.started = time.monotonic()
        self.stopped = False
        self.forks = 0
        self.living = 0

    def running(self) -> bool:
        return self._process.poll() is None

    def greeting(self) -> dict[str, Any]:
        """What it says of itself when it is ready; waits for it. Raises ChildGone."""
        if self._greeting is None:
            self._greeting, _ = self._receive(START_TIMEOUT_S)
        return self._greeting

    def spawn(self, memory_bytes: int) -> WorkerProcess:
        """Raises ChildGone, and OSError where the worker has died at once."""
        self.greeting()
        reply, fds = self._ask({"op": "spawn", "memory_bytes": memory_bytes})
        self.forks += 1
        self.living += 1
        sock = socket.socket(fileno=fds[0])
        try:
            return WorkerProcess(sock, fds[1], reply["pid"], self, memory_bytes)
        except OSError:
            sock.close()
            os.close(fds[1])
            self.reap(reply["pid"])
            raise

    def reap(self, inner_pid: int) -> Exit | None:
        """How the worker ended, if it has. Raises ChildGone."""
        self.living -= 1
        reply, _ = self._ask({"op": "reap", "pid": inner_pid})
        return Exit(reply["code"], reply["cpu_ms"], reply["resident_bytes"]) if reply["ended"] else None

    def stop(self) -> None:
        """Ends it and with it all its workers."""
        self.stopped = True
        self._control.close()
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        if self.pidfd >= 0:
            os.close(self.pidfd)
            self.pidfd = -1

    def _ask(self, request: dict[str, Any]) -> tuple[dict[str, Any], list[int]]:
        try:
            self._control.settimeout(REPLY_TIMEOUT_S)
            self._control.sendall(json.dumps(request).encode())
        except OSError as error:
            raise ChildGone(str(error)) from error
        return self._receive(REPLY_TIMEOUT_S)

    def _receive(self, timeout_s: float) -> tuple[dict[str, Any], list[int]]:
        try:
            self._control.settimeout(timeout_s)
            message, fds, _, _ = socket.recv_fds(self._control, MESSAGE_BYTES, 2)
        except OSError as error:
            raise ChildGone(str(error)) from error
        if not message:
            raise ChildGone("the executor has ended")
        reply: dict[str, Any] = json.loads(message)
        return reply, fds


def import_paths() -> list[str]:
    """Where the child finds `picloud` and RestrictedPython: it starts without site-packages."""
    restricted = importlib.util.find_spec("RestrictedPython")
    if restricted is None or restricted.origin is None:
        raise ChildGone("RestrictedPython is not installed")
    own = str(Path(str(picloud.__file__)).resolve().parent.parent)
    return list(dict.fromkeys([own, str(Path(restricted.origin).resolve().parent.parent)]))
