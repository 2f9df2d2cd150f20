"""A connected socket as `http.client` wants one, with a deadline over all and a cap on what is read."""

import io
import socket
from typing import Any

from picloud.outbound.deadline import Deadline
from picloud.outbound.errors import OutboundFailed

_SEND_BYTES = 64 * 1024


class Wire:
    """`close` does nothing: the socket is its owner's."""

    def __init__(self, sock: socket.socket, deadline: Deadline, read_max_bytes: int) -> None:
        self._sock = sock
        self._deadline = deadline
        self._read_max_bytes = read_max_bytes

    def sendall(self, data: bytes) -> None:
        """Raises OutboundFailed, OSError."""
        rest = memoryview(data)
        while rest:
            self._sock.settimeout(self._deadline.left_s())
            rest = rest[self._sock.send(rest[:_SEND_BYTES]) :]

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Incoming(self._sock, self._deadline, self._read_max_bytes))

    def close(self) -> None:
        pass


class _Incoming(io.RawIOBase):
    """Each read waits for no more than what is left of the time."""

    def __init__(self, sock: socket.socket, deadline: Deadline, max_bytes: int) -> None:
        super().__init__()
        self._sock = sock
        self._deadline = deadline
        self._left_bytes = max_bytes

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """Raises OutboundFailed, OSError."""
        if self._left_bytes <= 0:
            raise OutboundFailed("the answer is too large")
        self._sock.settimeout(self._deadline.left_s())
        count = self._sock.recv_into(buffer, min(len(buffer), self._left_bytes))
        self._left_bytes -= count
        return count
