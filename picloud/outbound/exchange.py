"""One request and its answer over a connected socket."""

import http.client
import re
import socket
from dataclasses import dataclass
from typing import cast

from picloud.outbound.body import read_body
from picloud.outbound.deadline import Deadline
from picloud.outbound.errors import OutboundFailed
from picloud.outbound.headers import HOP_BY_HOP, Headers, size_bytes
from picloud.outbound.limits import OutboundLimits
from picloud.outbound.request import REDIRECTS, Request
from picloud.outbound.wire import Wire

_FOLD = re.compile(r"[\r\n]+[ \t]*")
_NOT_SHOWN = HOP_BY_HOP | {"proxy-connection"}


@dataclass(frozen=True, slots=True)
class Answer:
    """`location` is where a redirect leads, as it was written; its body is not read."""

    status: int
    headers: Headers
    body: bytes
    location: str | None = None


def exchange(sock: socket.socket, request: Request, limits: OutboundLimits, deadline: Deadline) -> Answer:
    """Raises OutboundFailed, OSError, http.client.HTTPException."""
    connection = http.client.HTTPConnection(request.target.host)
    connection.sock = cast(socket.socket, Wire(sock, deadline, limits.wire_max_bytes))
    connection.putrequest(request.method, request.target.path, skip_host=True, skip_accept_encoding=True)
    for name, value in request.all_headers():
        connection.putheader(name, value)
    connection.endheaders(request.body or None)
    response = connection.getresponse()
    if response.status < 200:
        raise OutboundFailed(f"the server answered with {response.status}, which is no end of an answer")
    if size_bytes(response.headers.items()) > limits.headers_max_bytes:
        raise OutboundFailed(f"the answer's headers are larger than {limits.headers_max_bytes} bytes")
    headers = _shown(response)
    if response.status in REDIRECTS and (location := response.headers.get("location")):
        return Answer(response.status, headers, b"", _as_utf8(location))
    body, decoded = read_body(response, limits.response_max_bytes)
    if decoded:
        headers = tuple(item for item in headers if item[0].lower() not in ("content-encoding", "content-length"))
    return Answer(response.status, headers, body)


def _shown(response: http.client.HTTPResponse) -> Headers:
    return tuple(
        (name, _FOLD.sub(" ", value)) for name, value in response.headers.items() if name.lower() not in _NOT_SHOWN
    )


def _as_utf8(header: str) -> str:
    """http.client reads headers as Latin-1; servers that write other scripts into a Location mean UTF-8."""
    try:
        return header.encode("latin-1").decode()
    except UnicodeDecodeError:
        return header
