"""A worker process as the trusted side holds it: one end of its socket, and a pidfd."""

import math
import os
import re
import resource
import select
import signal
import socket
import struct
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from picloud.sandbox_pool.protocol import Channel

if TYPE_CHECKING:
    from picloud.sandbox_pool.child import Child

SEND_TIMEOUT_MS = 50
_COARSE_S = 0.02
_UNREST_NS = 100_000_000
_PEAK_MATTERS_NS = 1_000_000
_PAGE_BYTES = resource.getpagesize()
_MEMORY = re.compile(rb"VmPeak:\s*(\d+) kB\nVmSize:\s*(\d+) kB")
_RESIDENT = re.compile(rb"VmHWM:\s*(\d+) kB")


@dataclass(frozen=True, slots=True)
class Exit:
    """`code` is the exit code, or minus the signal's number. `resident_bytes` is the greatest resident size."""

    code: int
    cpu_ms: float
    resident_bytes: int


class WorkerProcess:
    """Not thread-safe: one driver at a time. `inner_pid` is the zygote's name for it, `pid` ours (they differ across
    a pid namespace; a pidfd's fdinfo translates). `child` is the executor process that it came from."""

    def __init__(self, sock: socket.socket, pidfd: int, inner_pid: int, child: "Child", memory_bytes: int) -> None:
        self.sock = sock
        self.channel = Channel(sock)
        self.pidfd = pidfd
        self.inner_pid = inner_pid
        self.child = child
        self.memory_bytes = memory_bytes
        self.pid = _pid_of(pidfd)
        self._ended = select.poll()
        self._ended.register(pidfd, select.POLLIN)
        self._ended.register(child, 0)  # its end hangs up
        self._patience_ms = 0
        self._readable = select.poll()
        self._readable.register(sock, select.POLLIN)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _timeval(SEND_TIMEOUT_MS))
        self._clock = (~self.pid << 3) | 2  # CPUCLOCK_SCHED of a process, as clock_getcpuclockid(3) makes it
        self._cpu_seen_ns = 0
        self._halted = False
        self._status = os.open(f"/proc/{self.pid}/status", os.O_RDONLY)
        self._statm = os.open(f"/proc/{self.pid}/statm", os.O_RDONLY)
        self._peak_bytes, self.base_bytes = self.memory()
        self.size_bytes = self.base_bytes

    def alive(self) -> bool:
        """False once it has exited, reaped or not, or its executor has, whose death it follows within moments."""
        return not self._ended.poll(0)

    def be_patient(self, seconds: float) -> None:
        """Sets for how long a read may wait (rounded up to a millisecond) before it raises BlockingIOError.

        By a socket option, so that a read is one system call and the usual run sets nothing at all.
        """
        patience_ms = int(seconds * 1000) + 1
        if patience_ms != self._patience_ms:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _timeval(patience_ms))
            self._patience_ms = patience_ms

    def fill(self, seconds: float) -> None:
        """Reads what comes within about `seconds`, if anything does. Raises EOFError when the worker has closed.

        A socket's timeout is as coarse as the kernel's tick; for short waits a finer clock is asked first.
        """
        if seconds >= _COARSE_S:
            self.be_patient(seconds - _COARSE_S / 2)
        elif not self._readable.poll(math.ceil(seconds * 1000)):
            return
        try:
            self.channel.fill()
        except BlockingIOError:
            return

    def cpu_ns(self) -> int:
        """CPU time used so far. Raises OSError when it has ended."""
        self._cpu_seen_ns = time.clock_gettime_ns(self._clock)
        return self._cpu_seen_ns

    def is_restless(self) -> bool:
        """Whether it has used CPU since the clock was last read, at the end of its run: an honest worker waits then."""
        seen_ns = self._cpu_seen_ns
        try:
            return self.cpu_ns() - seen_ns > _UNREST_NS
        except OSError:
            return True

    def halt(self) -> None:
        """Stops it: whatever it is about, it uses no CPU until it is resumed."""
        if not self._halted:
            self._halted = True
            self.signal(signal.SIGSTOP)

    def resume(self) -> None:
        if self._halted:
            self._halted = False
            self.signal(signal.SIGCONT)

    def memory(self) -> tuple[int, int]:
        """(greatest, present) size of its address space in bytes. (0, 0) when it has ended."""
        try:
            found = _MEMORY.search(os.pread(self._status, 1024, 0))
        except OSError:
            return 0, 0
        return (int(found[1]) * 1024, int(found[2]) * 1024) if found else (0, 0)

    def growth(self, cpu_ns: int) -> int:
        """By how many bytes it has been larger than at birth since the last call, which took `cpu_ns`; where it stayed
        under an earlier peak, by how many it is larger now.

        After less than a millisecond its peak isn't looked up (5 us of 70): too little to fill 2 MB and free them again.
        """
        if cpu_ns >= _PEAK_MATTERS_NS:
            peak, self.size_bytes = self.memory()
            most = peak if peak > self._peak_bytes else self.size_bytes
            self._peak_bytes = peak
        else:
            most = self.size_bytes = self._size()
        return max(0, most - self.base_bytes)

    def _size(self) -> int:
        """Present size of its address space in bytes; 0 when it has ended."""
        try:
            return int(os.pread(self._statm, 32, 0).split(b" ", 1)[0]) * _PAGE_BYTES
        except (OSError, ValueError):
            return 0

    def resident_bytes(self) -> int:
        """Greatest resident size so far, in bytes; 0 when it has ended."""
        found = _RESIDENT.search(os.pread(self._status, 1024, 0))
        return int(found[1]) * 1024 if found else 0

    def signal(self, number: signal.Signals) -> None:
        self.child.signal(self, number)

    def kill(self) -> None:
        """SIGKILL, and waits for the end (about 1 ms)."""
        self.signal(signal.SIGKILL)
        poll = select.poll()
        poll.register(self.pidfd, select.POLLIN)
        poll.poll(1_000)

    def close(self) -> None:
        self.sock.close()
        os.close(self.pidfd)
        os.close(self._status)
        os.close(self._statm)


def _timeval(milliseconds: int) -> bytes:
    return struct.pack("@ll", milliseconds // 1000, milliseconds % 1000 * 1000)


def _pid_of(pidfd: int) -> int:
    """Raises ProcessLookupError when the process has ended."""
    with open(f"/proc/self/fdinfo/{pidfd}") as file:
        for line in file:
            name, _, value = line.partition(":")
            if name == "Pid" and int(value) > 0:
                return int(value)
    raise ProcessLookupError("the worker has ended")
