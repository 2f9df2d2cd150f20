"""A web server on loopback that says exactly what a test wants, byte by byte."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Received:
    """A request as it came: its first line, its headers by lower-case name, its body."""

    line: str
    headers: dict[str, str]
    body: bytes


Script = Callable[[Received, socket.socket], None]


@dataclass(slots=True)
class Server:
    """`script` is given each request and the connection to answer on. `received` keeps the requests."""

    listener: socket.socket
    script: Script
    port: int
    tls: ssl.SSLContext | None = None
    received: list[Received] = field(default_factory=list)

    def serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self.listener.accept()
                with contextlib.suppress(OSError):
                    self._converse(sock)

    def _converse(self, sock: socket.socket) -> None:
        with self.tls.wrap_socket(sock, server_side=True) if self.tls else sock as conn:
            request = _read(conn)
            self.received.append(request)
            self.script(request, conn)


def _read(conn: socket.socket) -> Received:
    with conn.makefile("rb") as file:
        line = file.readline().decode("latin-1").strip()
        headers = {}
        while text := file.readline().decode("latin-1").strip():
            name, _, value = text.partition(": ")
            headers[name.lower()] = value
        return Received(line, headers, file.read(int(headers.get("content-length", 0))))


@contextlib.contextmanager
def serving(script: Script, tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    listener = socket.create_server(("127.0.0.1", 0))
    server = Server(listener, script, listener.getsockname()[1], tls)
    thread = threading.Thread(target=server.serve, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(60)


def says(status: int, body: bytes = b"", *headers: str) -> Script:
    """A script that answers with this and ends."""
    head = [f"HTTP/1.1 {status} Said", f"Content-Length: {len(body)}", *headers, "", ""]
    return lambda request, conn: conn.sendall("\r\n".join(head).encode("latin-1") + body)
