"""The zygote: imports everything once, gives up what it can, and then forks workers on request.

It is driven over a control socket (SOCK_SEQPACKET), and ends when that closes. Each request and
reply is one message of JSON. `{"op": "spawn", "memory_bytes": n}` gives `{"pid": n}`, with two descriptors: the
driver's end of the worker's socket, and a pidfd. `{"op": "reap", "pid": n}` gives how that worker ended.
`{"op": "signal", "pid": n, "signal": n}`, for a driver that may not itself, gives nothing.
"""

import array
import contextlib
import gc
import json
import os
import resource
import signal
import socket
import sys
import warnings
from typing import Any

from picloud.sandbox_pool import libc, shared_caches, worker, zones
from picloud.sandbox_pool.confinement import Confinement, Size
from picloud.sandbox_pool.namespaces import drop_root, empty_root, enter_without_pids
from picloud.sandbox_pool.rehearsal import rehearse
from picloud.sandbox_pool.seccomp import program

REQUEST_BYTES = 4_096
NICE = 5
OOM_SCORE = "500"
_PAGE_BYTES = resource.getpagesize()


def prepare() -> None:
    """All that workers share; nothing can be imported any more. Collected and frozen at the end: a later collection
    would write to every object, and so split the memory of those that share it."""
    warnings.simplefilter("ignore")  # there is nowhere to show one
    zones.load()
    shared_caches.guard()
    rehearse()
    with contextlib.suppress(OSError):  # of a machine that isn't known: `Confinement` will say so
        program(os.uname().machine)
    sys.path.clear()
    sys.path_importer_cache.clear()
    gc.collect()
    gc.freeze()
    gc.disable()


def main(control_fd: int, namespaces: tuple[str, ...]) -> None:
    """Never returns. `namespaces` are those that the keeper has entered."""
    statm_fd = os.open("/proc/self/statm", os.O_RDONLY)
    namespaces = _descend(namespaces)
    libc.prctl(libc.PR_SET_PDEATHSIG, signal.SIGKILL)  # after the change of uid, which would clear it
    confinement = Confinement()
    zygote = Zygote(socket.socket(fileno=control_fd), statm_fd, confinement)
    zygote.serve({"namespaces": dict.fromkeys(namespaces, ""), "missing": confinement.missing})


def _descend(namespaces: tuple[str, ...]) -> tuple[str, ...]:
    """Gives up the way to files, and root; the names of what holds then."""
    with contextlib.suppress(OSError):
        os.nice(NICE)
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write(OOM_SCORE)
    was_root = os.geteuid() == 0
    if was_root and not namespaces:
        drop_root()
        namespaces = enter_without_pids()
    if "mount" in namespaces:
        with contextlib.suppress(OSError):
            empty_root()
            namespaces = (*namespaces, "empty root")
    drop_root()
    return namespaces


class Zygote:
    """Answers the control socket until it closes."""

    def __init__(self, control: socket.socket, statm_fd: int, confinement: Confinement) -> None:
        self._confinement = confinement
        self._control = control
        self._statm_fd = statm_fd

    def serve(self, greeting: dict[str, Any]) -> None:
        with contextlib.suppress(ConnectionError):  # whoever started us is gone
            self._reply(greeting)
            while message := self._control.recv(REQUEST_BYTES):
                request = json.loads(message)
                if request["op"] == "spawn":
                    self._spawn(request["memory_bytes"])
                elif request["op"] == "signal":
                    _signal(request["pid"], request["signal"])
                else:
                    self._reap(request["pid"])
        os._exit(0)

    def _spawn(self, memory_bytes: int) -> None:
        ours, theirs = socket.socketpair()
        size = self._size()
        pid = os.fork()
        if pid == 0:
            self._become_worker(theirs, size, memory_bytes)
        theirs.close()
        pidfd = os.pidfd_open(pid)
        try:
            self._reply({"pid": pid}, ours.fileno(), pidfd)
        finally:
            os.close(pidfd)
            ours.close()

    def _become_worker(self, sock: socket.socket, size: Size, memory_bytes: int) -> None:
        try:
            self._confinement.confine(sock.fileno(), size, memory_bytes)
            worker.main(sock)
        finally:
            os._exit(1)

    def _size(self) -> Size:
        """What a worker starts with: this process's own size (proc_pid_statm(5): fields 1 and 6, in pages)."""
        fields = os.pread(self._statm_fd, 256, 0).split()
        return Size(int(fields[0]) * _PAGE_BYTES, int(fields[5]) * _PAGE_BYTES)

    def _reap(self, pid: int) -> None:
        try:
            ended, status, usage = os.wait4(pid, os.WNOHANG)
        except ChildProcessError:
            ended = 0
        if ended == 0:
            self._reply({"ended": False})
            return
        code = os.waitstatus_to_exitcode(status)
        cpu_ms = (usage.ru_utime + usage.ru_stime) * 1000
        self._reply({"ended": True, "code": code, "cpu_ms": cpu_ms, "resident_bytes": usage.ru_maxrss * 1024})

    def _reply(self, message: dict[str, Any], *fds: int) -> None:
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        self._control.sendmsg([json.dumps(message).encode()], rights)


def _signal(pid: int, number: int) -> None:
    """To a worker: until it is reaped, its pid is nobody else's."""
    with contextlib.suppress(OSError):
        os.kill(pid, number)
