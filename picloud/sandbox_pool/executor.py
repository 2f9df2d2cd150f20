"""The executor child, from the trusted side: starts it, asks it for workers, starts it anew when it has died.

Imports nothing but the standard library, so that `picloud serve` can start it before anything heavy is imported.
"""

import contextlib
import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import picloud
from picloud.sandbox_pool.process import Exit, WorkerProcess

REPLY_BYTES = 4_096
START_TIMEOUT_S = 30.0
REPLY_TIMEOUT_S = 10.0
_BOOTSTRAP = """
import sys
fd, module, *paths = sys.argv[1:]
sys.path += paths
__import__(module)
sys.modules[module].main(int(fd))
"""


class ExecutorGone(Exception):
    """The executor can't be started or doesn't answer."""


class Executor:
    """Thread-safe. `module` is what the child runs; its `main(control_fd)` must speak `zygote`'s protocol."""

    def __init__(self, module: str = "picloud.sandbox_pool.zygote", paths: tuple[str, ...] = ()) -> None:
        self._module = module
        self._paths = paths
        self._lock = threading.RLock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._greeting: dict[str, Any] | None = None
        self._closed = False
        self.generation = 0

    def start(self) -> None:
        """Starts the child if it isn't running; doesn't wait until it is ready."""
        with self._lock:
            if self._closed:
                raise ExecutorGone("the executor has been closed")
            if self._process is not None and self._process.poll() is None:
                return
            self._stop()
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            self._process = self._spawn_child(theirs)
            self._control = ours
            self.generation += 1

    def _spawn_child(self, control: socket.socket) -> subprocess.Popen[bytes]:
        fd = control.fileno()
        command = [
            sys.executable,
            "-I",
            "-S",
            "-c",
            _BOOTSTRAP,
            str(fd),
            self._module,
            *_import_paths(),
            *self._paths,
        ]
        try:
            return subprocess.Popen(
                command,
                env={},
                pass_fds=(fd,),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )
        finally:
            control.close()

    def layers(self) -> tuple[str, ...]:
        """The namespaces that workers live in. Waits until the child is ready. Raises ExecutorGone."""
        with self._lock:
            return tuple(self._ready()["namespaces"])

    @property
    def pid(self) -> int | None:
        """The child's pid, while it runs."""
        with self._lock:
            return self._process.pid if self._process is not None and self._process.poll() is None else None

    def spawn(self, memory_bytes: int) -> WorkerProcess:
        """A new, empty worker (about 3 ms). Starts a new child where the old one has died. Raises ExecutorGone."""
        with self._lock:
            for _ in range(3):
                try:
                    return self._spawn(memory_bytes)
                except (OSError, EOFError, ValueError) as error:
                    failure = error
                    self._stop()
            raise ExecutorGone(f"no worker could be started: {failure}")

    def _spawn(self, memory_bytes: int) -> WorkerProcess:
        self._ready()
        reply, fds = self._ask({"op": "spawn", "memory_bytes": memory_bytes})
        sock, pidfd = socket.socket(fileno=fds[0]), fds[1]
        try:
            return WorkerProcess(sock, pidfd, reply["pid"], self.generation, memory_bytes)
        except OSError:
            sock.close()
            os.close(pidfd)
            raise

    def keeps(self, worker: WorkerProcess) -> bool:
        """Whether `worker` lives and will go on living: when the child dies, its workers follow within moments."""
        process = self._process
        return (
            worker.generation == self.generation and process is not None and process.poll() is None and worker.alive()
        )

    def reap(self, worker: WorkerProcess) -> Exit | None:
        """How an ended worker ended; None where that isn't known (its executor has died as well)."""
        with self._lock:
            if worker.generation != self.generation or self._control is None:
                return None
            try:
                reply, _ = self._ask({"op": "reap", "pid": worker.inner_pid})
            except (OSError, EOFError, ValueError):
                return None
            return Exit(reply["code"], reply["cpu_ms"], reply["resident_bytes"]) if reply["ended"] else None

    def close(self) -> None:
        """Ends the child and with it all workers."""
        with self._lock:
            self._closed = True
            self._stop()

    def _ready(self) -> dict[str, Any]:
        self.start()
        if self._greeting is None:
            self._greeting, _ = self._receive(START_TIMEOUT_S)
        return self._greeting

    def _ask(self, request: dict[str, Any]) -> tuple[dict[str, Any], list[int]]:
        assert self._control is not None
        self._control.settimeout(REPLY_TIMEOUT_S)
        self._control.sendall(json.dumps(request).encode())
        return self._receive(REPLY_TIMEOUT_S)

    def _receive(self, timeout_s: float) -> tuple[dict[str, Any], list[int]]:
        assert self._control is not None
        self._control.settimeout(timeout_s)
        message, fds, _, _ = socket.recv_fds(self._control, REPLY_BYTES, 2)
        if not message:
            raise EOFError("the executor has ended")
        reply: dict[str, Any] = json.loads(message)
        return reply, fds

    def _stop(self) -> None:
        if self._control is not None:
            self._control.close()
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGKILL)
            self._process.wait()
        self._control = self._process = self._greeting = None


def _import_paths() -> list[str]:
    """Where the child finds `picloud` and RestrictedPython: it starts without site-packages."""
    restricted = importlib.util.find_spec("RestrictedPython")
    if restricted is None or restricted.origin is None:
        raise ExecutorGone("RestrictedPython is not installed")
    own = str(Path(str(picloud.__file__)).resolve().parent.parent)
    return list(dict.fromkeys([own, str(Path(restricted.origin).resolve().parent.parent)]))
