"""A reader of server-sent events, as a browser's EventSource is one."""

import http.client
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any

from tests.functional.serving import Serving
from tests.pace import PATIENCE

ANSWER_S = 40.0 * PATIENCE


@dataclass(frozen=True)
class ServerSent:
    """`id` None: no such line."""

    name: str
    id: str | None
    data: Any


class EventStream:
    """One open stream; reading raises TimeoutError when nothing comes for ANSWER_S."""

    def __init__(self, serving: Serving, path: str, key: str, **headers: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", serving.port, timeout=ANSWER_S)
        self._connection.request("GET", path, headers={"Authorization": f"Bearer {key}"} | headers)
        assert self._connection.sock is not None
        self._socket = self._connection.sock
        self.answer = self._connection.getresponse()

    def events(self) -> Iterator[ServerSent]:
        """Until the server ends the stream."""
        fields: dict[str, str] = {}
        while line := self.answer.readline():
            name, _, value = line.decode().rstrip("\n").partition(": ")
            if name in ("event", "id", "data"):
                fields[name] = value
            elif not name and "data" in fields:
                yield ServerSent(fields["event"], fields.get("id"), json.loads(fields["data"]))
                fields = {}

    def next(self, count: int) -> list[ServerSent]:
        """The next events; fewer where the stream ends."""
        return list(islice(self.events(), count))

    def close(self) -> None:
        """As a closed tab does."""
        with suppress(OSError):  # it was closed before
            self._socket.shutdown(socket.SHUT_RDWR)
        self.answer.close()
        self._connection.close()


@contextmanager
def streaming(serving: Serving, path: str, key: str, **headers: str) -> Iterator[EventStream]:
    stream = EventStream(serving, path, key, **headers)
    try:
        yield stream
    finally:
        stream.close()
