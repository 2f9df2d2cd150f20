"""The socket that requests come by: one of our own, or one that systemd holds across our restarts."""

import os
import socket
import stat
from collections.abc import MutableMapping
from pathlib import Path

UNIX = "unix:"
FIRST_INHERITED_FD = 3
UNIX_MODE = 0o660
"""For us and for the proxy's group: who may connect is believed what it says of the client's address."""


def inherited(environ: MutableMapping[str, str]) -> socket.socket | None:
    """The socket that systemd hands over (sd_listen_fds(3)), once. Raises OSError for more than one."""
    meant_for_us = environ.pop("LISTEN_PID", "") == str(os.getpid())
    count = environ.pop("LISTEN_FDS", "")
    if not meant_for_us or not count.isdigit():
        return None
    if count != "1":
        raise OSError(f"systemd hands over {count} sockets; PiCloud listens on one")
    os.set_inheritable(FIRST_INHERITED_FD, False)
    return socket.socket(fileno=FIRST_INHERITED_FD)


def listen(address: str) -> socket.socket:
    """A bound socket on `HOST:PORT` (port 0 takes a free one) or `unix:PATH`. Raises OSError, ValueError."""
    return listen_unix(Path(address.removeprefix(UNIX))) if address.startswith(UNIX) else _listen_tcp(address)


def address_of(listening: socket.socket) -> str:
    """What to call: `http://…`, or `unix:PATH`."""
    if listening.family == socket.AF_UNIX:
        return UNIX + str(listening.getsockname())
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _listen_tcp(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    if not host or not (port.isascii() and port.isdigit() and int(port) < 65_536):
        raise ValueError(f"{address!r} is not HOST:PORT and not unix:PATH")
    family, kind, protocol, _, where = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)[0]
    listening = socket.socket(family, kind, protocol)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return _bound(listening, where)


def listen_unix(path: Path, kind: socket.SocketKind = socket.SOCK_STREAM) -> socket.socket:
    """A bound socket. One that nobody listens on any more is removed; one that is in use is not. Raises OSError."""
    if path.exists() and not stat.S_ISSOCK(path.stat().st_mode):
        raise OSError(0, f"there is something else at {path}")
    with socket.socket(socket.AF_UNIX, kind) as probe:
        if probe.connect_ex(str(path)) == 0:
            raise OSError(0, f"another process listens on {path}")
    path.unlink(missing_ok=True)
    before = os.umask(0o777 & ~UNIX_MODE)
    try:
        return _bound(socket.socket(socket.AF_UNIX, kind), str(path))
    finally:
        os.umask(before)


def _bound(listening: socket.socket, where: object) -> socket.socket:
    try:
        listening.bind(where)  # type: ignore[arg-type]
    except OSError:
        listening.close()
        raise
    return listening
