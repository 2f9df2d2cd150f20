"""The executor child: imports everything once, drops what it can, and then forks workers on request.

Started by `executor.Executor` as `python -I -S`, with nothing but a control socket (SOCK_SEQPACKET). Each request and
reply is one message of JSON. `{"op": "spawn", "memory_bytes": n}` gives `{"pid": n}`, with two descriptors: the
driver's end of the worker's socket, and a pidfd. `{"op": "reap", "pid": n}` gives how that worker ended.
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
from typing import Any

from picloud.sandbox_pool import libc, worker, zones
from picloud.sandbox_pool.confinement import confine
from picloud.sandbox_pool.namespaces import descend

REQUEST_BYTES = 4_096
NICE = 5
OOM_SCORE = "500"
_PAGE_BYTES = resource.getpagesize()


def main(control_fd: int) -> None:
    """Never returns. The caller's process becomes the keeper of the zygote: it waits for its end, then ends too."""
    zones.load()
    with contextlib.suppress(OSError):
        os.nice(NICE)
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write(OOM_SCORE)
    proc = os.open("/proc", os.O_PATH | os.O_DIRECTORY)
    layers = descend()
    pid = os.fork()
    if pid:
        os.close(control_fd)
        os.close(proc)
        os.waitpid(pid, 0)
        os._exit(0)
    libc.prctl(libc.PR_SET_PDEATHSIG, signal.SIGKILL)
    statm = os.open("self/statm", os.O_RDONLY, dir_fd=proc)
    os.close(proc)
    _forget_the_way_to_files()
    gc.collect()
    gc.freeze()
    gc.disable()
    Zygote(socket.socket(fileno=control_fd), statm).serve({"layers": layers, "python": sys.version.split()[0]})


def _forget_the_way_to_files() -> None:
    sys.path.clear()
    sys.path_importer_cache.clear()


class Zygote:
    """Answers the control socket until it closes."""

    def __init__(self, control: socket.socket, statm_fd: int) -> None:
        self._control = control
        self._statm_fd = statm_fd

    def serve(self, greeting: dict[str, Any]) -> None:
        self._reply(greeting)
        while message := self._control.recv(REQUEST_BYTES):
            request = json.loads(message)
            if request["op"] == "spawn":
                self._spawn(request["memory_bytes"])
            else:
                self._reap(request["pid"])
        os._exit(0)

    def _spawn(self, memory_bytes: int) -> None:
        ours, theirs = socket.socketpair()
        data_bytes = self._data_bytes()
        pid = os.fork()
        if pid == 0:
            self._become_worker(theirs.detach(), data_bytes, memory_bytes)
        theirs.close()
        pidfd = os.pidfd_open(pid)
        try:
            self._reply({"pid": pid}, ours.fileno(), pidfd)
        finally:
            os.close(pidfd)
            ours.close()

    def _become_worker(self, fd: int, data_bytes: int, memory_bytes: int) -> None:
        try:
            confine(fd, data_bytes, memory_bytes)
            worker.main(fd)
        finally:
            os._exit(1)

    def _data_bytes(self) -> int:
        """Size of this process's data, which a worker starts with (proc_pid_statm(5): the sixth field, in pages)."""
        return int(os.pread(self._statm_fd, 256, 0).split()[5]) * _PAGE_BYTES

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
