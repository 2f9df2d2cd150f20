"""One HTTP request, ready to be sent, and what a redirect makes of it."""

import re
from dataclasses import dataclass, replace

from picloud.outbound.errors import malformed
from picloud.outbound.headers import USER_AGENT, Headers
from picloud.outbound.target import Target

REDIRECTS = frozenset({301, 302, 303, 307, 308})
_METHOD = re.compile(r"[A-Za-z][A-Za-z-]{0,19}")
_REFUSED_METHODS = frozenset({"CONNECT", "TRACE", "TRACK"})
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
_CREDENTIALS = frozenset({"authorization", "cookie"})
_OF_THE_BODY = frozenset({"content-type", "content-encoding", "content-language", "content-location"})


@dataclass(frozen=True, slots=True)
class Request:
    """`headers` are the handler's."""

    method: str
    target: Target
    headers: Headers
    body: bytes

    def all_headers(self) -> Headers:
        """Those that are sent, each once. A header of the handler's replaces a default."""
        defaults = {"User-Agent": USER_AGENT, "Accept": "*/*", "Accept-Encoding": "gzip"}
        own = {name.lower() for name, _ in self.headers}
        ours = [("Host", self.target.authority), ("Connection", "close")]
        if self.body or self.method in _WITH_BODY:
            ours.append(("Content-Length", str(len(self.body))))
        return (*ours, *(item for item in defaults.items() if item[0].lower() not in own), *self.headers)

    def redirected(self, status: int, target: Target) -> "Request":
        """The request to make instead, by the rules that browsers follow (Fetch standard, HTTP-redirect fetch):
        301 and 302 turn POST into GET, 303 turns all but HEAD into it, and credentials stay with their origin."""
        dropped: frozenset[str] = frozenset()
        method, body = self.method, self.body
        if (status in (301, 302) and method == "POST") or (status == 303 and method != "HEAD"):
            method, body, dropped = "GET", b"", _OF_THE_BODY
        if target.origin != self.target.origin:
            dropped |= _CREDENTIALS
        headers = tuple(header for header in self.headers if header[0].lower() not in dropped)
        return replace(self, method=method, target=target, headers=headers, body=body)


def checked_method(text: str) -> str:
    """In upper case. Raises OutboundRefused."""
    method = text.upper()
    if not _METHOD.fullmatch(text) or method in _REFUSED_METHODS:
        raise malformed("the method has to be one like GET, POST or DELETE")
    return method
