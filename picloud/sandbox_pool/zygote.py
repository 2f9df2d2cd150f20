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
import warnings
from typing import Any

from picloud.sandbox_pool import libc, worker, zones
from picloud.sandbox_pool.confinement import Confinement, Size
from picloud.sandbox_pool.namespaces import descend

REQUEST_BYTES = 4_096
NICE = 5
OOM_SCORE = "500"
_PAGE_BYTES = resource.getpagesize()


def main(control_fd: int) -> None:
    """Never returns. The caller's process becomes the keeper of the zygote: it waits for its end, then ends too."""
    warnings.simplefilter("ignore")  # there is nowhere to show one
    zones.load()
    with contextlib.suppress(OSError):
        os.nice(NICE)
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write(OOM_SCORE)
    proc = os.open("/proc", os.O_PATH | os.O_DIRECTORY)
    namespaces = descend()
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
    confinement = Confinement()
    gc.collect()
    gc.freeze()
    gc.disable()
    zygote = Zygote(socket.socket(fileno=control_fd), statm, confinement)
    zygote.serve({"namespaces": dict.fromkeys(namespaces, ""), "missing": confinement.missing})


def _forget_the_way_to_files() -> None:
    sys.path.clear()
    sys.path_importer_cache.clear()


class Zygote:
    """Answers the control socket until it closes."""

    def __init__(self, control: socket.socket, statm_fd: int, confinement: Confinement) -> None:
        self._confinement = confinement
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
