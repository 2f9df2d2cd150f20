"""Frames between a driver and its worker: `u32 length | u8 kind | body`, big-endian, over a stream socket."""

import socket
import struct
from collections.abc import Callable, Mapping
from enum import IntEnum

HEADER = struct.Struct("!IB")
READ_BYTES = 64 * 1024


class Kind(IntEnum):
    """What a frame is. The first group goes to a worker, the second comes from one."""

    COMPILE = 1
    LOAD = 2
    CONTEXT = 3
    EVENT = 4
    REPLY = 5
    PROBE = 6
    COMPILED = 16
    LOG = 17
    CALL = 18
    RESULT = 19
    RESPONSE = 20
    FAILED = 21
    SPENT = 22
    PROBED = 23


class ProtocolError(Exception):
    """The other side said something that it may not say."""


class FrameTooLarge(ProtocolError):
    """A frame announced more bytes than its kind may have."""

    def __init__(self, kind: int, length: int, cap: int) -> None:
        super().__init__(f"frame {kind} of {length} bytes where {cap} are allowed")
        self.kind = kind
        self.cap_bytes = cap


class Channel:
    """Frames over one socket. Not thread-safe. A cap is checked before anything is allocated for the frame."""

    __slots__ = ("_buffer", "_sock")

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._buffer = bytearray()

    def send(self, kind: int, body: bytes, blocked: Callable[[], object] | None = None) -> None:
        """`blocked` is called each time that the socket's SO_SNDTIMEO has passed, and may raise; without it
        BlockingIOError is raised then. Raises OSError when the other end is gone."""
        rest: bytes | memoryview = HEADER.pack(len(body), kind) + body
        while rest:
            try:
                sent = self._sock.send(rest)
            except BlockingIOError:
                if blocked is None:
                    raise
                blocked()
            else:
                rest = memoryview(rest)[sent:] if sent < len(rest) else b""

    def receive(self, caps: Mapping[int, int]) -> tuple[int, bytes]:
        """The next frame, as `take` gives it; waits for it. Raises EOFError when the other end has closed."""
        while (frame := self.take(caps)) is None:
            self.fill()
        return frame

    def fill(self) -> None:
        """Reads once. Raises EOFError when the other end has closed, BlockingIOError by the socket's SO_RCVTIMEO."""
        data = self._sock.recv(READ_BYTES)
        if not data:
            raise EOFError("the other end has closed")
        self._buffer += data

    def take(self, caps: Mapping[int, int]) -> tuple[int, bytes] | None:
        """The next frame, as (kind, body), or None until more has been read.

        `caps` maps each kind that may come now to its greatest length in bytes. Raises ProtocolError for a kind not in
        `caps`, FrameTooLarge for a frame over its cap.
        """
        buffer = self._buffer
        if len(buffer) < HEADER.size:
            return None
        length, kind = HEADER.unpack_from(buffer)
        cap = caps.get(kind)
        if cap is None:
            raise ProtocolError(f"unexpected frame {kind}")
        if length > cap:
            raise FrameTooLarge(kind, length, cap)
        end = HEADER.size + length
        if len(buffer) < end:
            return None
        body = bytes(memoryview(buffer)[HEADER.size : end])
        del buffer[:end]
        return kind, body
