"""Connections to hosts: every address is checked, and the one that was checked is the one connected to."""

import contextlib
import functools
import socket
import ssl
from collections.abc import Callable, Iterator, Sequence

from picloud.outbound.address import IpAddress, is_public
from picloud.outbound.deadline import Deadline
from picloud.outbound.errors import OutboundFailed, OutboundRefused
from picloud.outbound.lookup import look_up
from picloud.outbound.target import Target


@functools.cache
def system_trust() -> ssl.SSLContext:
    """The system's certificate authorities, read at the first use: 28 ms of CPU and 1.1 MB."""
    return ssl.create_default_context()


class Dialer:
    """Safe for threads. The name is resolved once for each connection, so that nobody can answer twice with different
    addresses (DNS rebinding)."""

    def __init__(
        self,
        may_connect: Callable[[IpAddress], bool] = is_public,
        resolve: Callable[[str, Deadline], Sequence[IpAddress]] = look_up,
        trust: Callable[[], ssl.SSLContext] = system_trust,
    ) -> None:
        self._may_connect = may_connect
        self._resolve = resolve
        self._trust = trust

    def dial(self, target: Target, deadline: Deadline) -> socket.socket:
        """A connected socket, with TLS where the scheme is https. Raises OutboundError, OSError."""
        addresses = self._resolve(target.host, deadline)
        if not addresses:
            raise OutboundFailed(f"the name {target.host} has no address")
        if not all(map(self._may_connect, addresses)):
            raise OutboundRefused(
                f"{target.host} has an address that is not public: ctx.http reaches public hosts only"
            )
        sock = _connect(target, addresses, deadline)
        if target.scheme == "http":
            return sock
        with _closed_on_error(sock):
            sock.settimeout(deadline.left_s())
            return self._trust().wrap_socket(sock, server_hostname=target.host)


def _connect(target: Target, addresses: Sequence[IpAddress], deadline: Deadline) -> socket.socket:
    """To the first that answers; each may take its share of the time that is left. Raises OutboundFailed."""
    reason = ""
    for place, address in enumerate(addresses):
        try:
            return _connect_to(address, target.port, deadline.left_s() / (len(addresses) - place))
        except OSError as error:
            reason = error.strerror or "it does not answer"
    deadline.left_s()
    raise OutboundFailed(f"{target.host} can't be connected to: {reason}")


def _connect_to(address: IpAddress, port: int, timeout_s: float) -> socket.socket:
    sock = socket.socket(socket.AF_INET if address.version == 4 else socket.AF_INET6, socket.SOCK_STREAM)
    with _closed_on_error(sock):
        sock.settimeout(timeout_s)
        sock.connect((str(address), port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock


@contextlib.contextmanager
def _closed_on_error(sock: socket.socket) -> Iterator[None]:
    try:
        yield
    except BaseException:
        sock.close()
        raise
