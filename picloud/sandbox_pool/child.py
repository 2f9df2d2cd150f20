"""The process that forks workers, as whoever drives them holds it: a control socket, and what is said over it.

What comes back is checked: that process runs beside the handlers' own, and another user may have started it.
"""

import contextlib
import json
import os
import select
import signal
import socket
import time
from abc import ABC, abstractmethod
from typing import Any

from picloud.sandbox_pool.process import Exit, WorkerProcess

MESSAGE_BYTES = 4_096
START_TIMEOUT_S = 30.0
REPLY_TIMEOUT_S = 10.0
_FDS = 2
_EXIT_CODES = {*range(256), *(-number for number in signal.Signals)}


class ChildGone(Exception):
    """The process has ended, doesn't answer, or says what it may not say."""


class Child(ABC):
    """Not thread-safe but for `signal`. `forks` counts its workers, `living` those not buried yet.

    `foreign`: started by somebody else, who chose what confines its workers. `pid` None: not known here.
    """

    foreign: bool
    pid: int | None = None

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._ended = select.poll()
        self._ended.register(control, 0)  # POLLHUP alone
        self._greeting: dict[str, dict[str, str]] | None = None
        self.started = time.monotonic()
        self.stopped = False
        self.forks = 0
        self.living = 0

    def fileno(self) -> int:
        """Hangs up when the process has ended."""
        return self._control.fileno()

    def running(self) -> bool:
        return not self.stopped and not self._ended.poll(0)

    def greeting(self) -> dict[str, dict[str, str]]:
        """What it says of itself when it is ready; waits for it. Raises ChildGone."""
        if self._greeting is None:
            said = self._receive(START_TIMEOUT_S)
            if not all(isinstance(said.get(name), dict) for name in ("namespaces", "missing")):
                raise ChildGone("it does not say what confines its workers")
            self._greeting = said
        return self._greeting

    def spawn(self, memory_bytes: int) -> WorkerProcess:
        """Raises ChildGone, and OSError where the worker has died at once."""
        self.greeting()
        self._send({"op": "spawn", "memory_bytes": memory_bytes})
        reply, fds = self._receive_with_fds(REPLY_TIMEOUT_S)
        self.forks += 1
        self.living += 1
        try:
            inner_pid = _whole(reply, "pid")
            sock = _stream(fds)
        except ChildGone:
            _close(fds)
            raise
        try:
            return WorkerProcess(sock, fds[1], inner_pid, self, memory_bytes)
        except OSError:
            sock.close()
            os.close(fds[1])
            self.reap(inner_pid)
            raise

    def reap(self, inner_pid: int) -> Exit | None:
        """How the worker ended, if it has. Raises ChildGone."""
        self.living -= 1
        self._send({"op": "reap", "pid": inner_pid})
        reply = self._receive(REPLY_TIMEOUT_S)
        if reply.get("ended") is not True:
            return None
        code, cpu_ms = _whole(reply, "code"), reply.get("cpu_ms")
        if code not in _EXIT_CODES or not isinstance(cpu_ms, float):
            raise ChildGone("it says of a worker's end what can't be")
        return Exit(code, cpu_ms, _whole(reply, "resident_bytes"))

    @abstractmethod
    def signal(self, worker: WorkerProcess, number: signal.Signals) -> None:
        """Does nothing when the worker has ended. Any thread may call it until the worker is reaped."""

    @abstractmethod
    def stop(self) -> None:
        """Ends it and with it all its workers."""

    def _send(self, request: dict[str, Any]) -> None:
        try:
            self._control.settimeout(REPLY_TIMEOUT_S)
            self._control.sendall(json.dumps(request).encode())
        except OSError as error:
            raise ChildGone(str(error)) from error

    def _receive(self, timeout_s: float) -> dict[str, Any]:
        reply, fds = self._receive_with_fds(timeout_s)
        _close(fds)
        return reply

    def _receive_with_fds(self, timeout_s: float) -> tuple[dict[str, Any], list[int]]:
        try:
            self._control.settimeout(timeout_s)
            message, fds, _, _ = socket.recv_fds(self._control, MESSAGE_BYTES, _FDS)
        except OSError as error:
            raise ChildGone(str(error)) from error
        if not message:
            raise ChildGone("the executor has ended")
        with contextlib.suppress(ValueError, RecursionError):
            reply = json.loads(message)
            if isinstance(reply, dict):
                return reply, fds
        _close(fds)
        raise ChildGone("it says what is no message")


def _whole(reply: dict[str, Any], name: str) -> int:
    value = reply.get(name)
    if type(value) is not int or abs(value) >= 2**63:
        raise ChildGone(f"it says no {name}")
    return value


def _stream(fds: list[int]) -> socket.socket:
    """The driver's end of a worker's socket. Raises ChildGone where that and a pidfd is not what came."""
    if len(fds) != _FDS:
        raise ChildGone(f"{len(fds)} descriptors came with a worker")
    try:
        sock = socket.socket(fileno=fds[0])
    except OSError as error:
        raise ChildGone(str(error)) from error
    if (sock.family, sock.type) != (socket.AF_UNIX, socket.SOCK_STREAM):
        sock.detach()
        raise ChildGone("what came with a worker is no socket of ours")
    sock.setblocking(True)
    return sock


def _close(fds: list[int]) -> None:
    for fd in fds:
        os.close(fd)
