"""Where a request goes: a URL, taken apart once. What is checked and what is connected to are the same fields."""

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from picloud.outbound.errors import malformed
from picloud.outbound.hosts import normal_host

URL_MAX_CHARS = 8_000
DEFAULT_PORTS = {"http": 80, "https": 443}
_REFUSED = re.compile(r"[\x00-\x1f\x7f\\]|^ | $")
_PORT = re.compile(r"[0-9]{1,5}", re.ASCII)
_PATH_SAFE = "/%:@!$&'()*+,;=~"


@dataclass(frozen=True, slots=True)
class Target:
    """`host` is in normal form; `path` begins with a slash and holds the query."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """What the Host header says."""
        return self.host if self.port == DEFAULT_PORTS[self.scheme] else f"{self.host}:{self.port}"

    @property
    def origin(self) -> tuple[str, str, int]:
        return self.scheme, self.host, self.port

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.authority}{self.path}"

    def joined(self, reference: str) -> "Target":
        """Where a Location of this URL's answer leads. Raises OutboundRefused."""
        _check_text(reference)
        try:
            return parse_url(urljoin(self.url, reference))
        except ValueError:
            raise malformed("the url can't be read") from None


def parse_url(url: str, query: str = "") -> Target:
    """`query` (encoded) is added to the URL's own; a fragment is dropped. Raises OutboundRefused."""
    _check_text(url)
    try:
        parts = urlsplit(url)
        path = _path(parts, query)
    except ValueError:
        raise malformed("the url can't be read") from None
    if len(path) > URL_MAX_CHARS:
        raise malformed(f"the url and its params are longer than {URL_MAX_CHARS} characters")
    if parts.scheme not in DEFAULT_PORTS:
        raise malformed("the url has to begin with http:// or https://")
    host, port = _authority(parts.netloc)
    return Target(parts.scheme, normal_host(host), port or DEFAULT_PORTS[parts.scheme], path)


def _check_text(url: str) -> None:
    if len(url) > URL_MAX_CHARS:
        raise malformed(f"the url is longer than {URL_MAX_CHARS} characters")
    if _REFUSED.search(url):
        raise malformed("the url has a control character, a backslash, or a space around it")


def _authority(netloc: str) -> tuple[str, int | None]:
    """(host, port) as written."""
    if "@" in netloc:
        raise malformed("the url holds a user name: put it into an Authorization header")
    host, _, port = netloc.partition(":")
    if not port:
        return host, None
    if not _PORT.fullmatch(port) or not 1 <= int(port) <= 65_535:
        raise malformed("the url's host is an address, or its port is not a number from 1 to 65535")
    return host, int(port)


def _path(parts: SplitResult, query: str) -> str:
    path = quote(parts.path or "/", safe=_PATH_SAFE)
    whole_query = "&".join(filter(None, (quote(parts.query, safe=_PATH_SAFE + "?"), query)))
    return f"{path}?{whole_query}" if whole_query else path
