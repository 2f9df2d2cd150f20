"""Who really asks, where a proxy stands in front: taken from headers that a trusted proxy alone may set.

What a client could have written itself is thrown away. Of `X-Forwarded-For` the rightmost address that is no trusted proxy's
counts: everything left of it is the client's own word.
"""

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

from pyramid.registry import Registry
from pyramid.request import Request
from pyramid.response import Response

from picloud.services.runtime import Runtime
from picloud.settings import SettingsError

DIRECT = "picloud.direct"
"""Key of the WSGI environment: whether the request came through no proxy, as far as its headers tell."""

UNIX = "unix"
UNIX_PEER = "localhost"
"""What waitress says of a peer at a Unix socket. A peer by TCP is always a number."""

_HEADERS = (
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PORT",
    "HTTP_X_FORWARDED_BY",
    "HTTP_X_REAL_IP",
    "HTTP_FORWARDED",
)
Environ = dict[str, Any]


@dataclass(frozen=True, slots=True)
class TrustedProxies:
    """Addresses and networks, and `unix` for whoever may connect to a Unix socket that we listen on."""

    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    unix: bool = False

    @classmethod
    def parse(cls, text: str) -> "TrustedProxies":
        """From addresses, networks and `unix`, separated by commas or spaces. Raises SettingsError."""
        names = text.replace(",", " ").split()
        try:
            networks = tuple(ip_network(name) for name in names if name != UNIX)
        except ValueError as error:
            raise SettingsError(f"PICLOUD_TRUSTED_PROXIES is {text!r}: {error}.") from None
        return cls(networks, UNIX in names)

    def trusts(self, peer: str) -> bool:
        if peer == UNIX_PEER:
            return self.unix
        address = _address(peer)
        return address is not None and any(address in network for network in self.networks)


def resolve(environ: Environ, proxies: TrustedProxies) -> None:
    """Put the client's address, scheme and host where everybody looks, and remove the headers that told them."""
    told = {name: environ.pop(name) for name in _HEADERS if name in environ}
    environ[DIRECT] = not told
    peer: str = environ.get("REMOTE_ADDR", "")
    if not proxies.trusts(peer):
        return
    environ["REMOTE_ADDR"] = _client(peer, told.get("HTTP_X_FORWARDED_FOR", ""), proxies)
    scheme = _last(told.get("HTTP_X_FORWARDED_PROTO", ""))
    if scheme in ("http", "https"):
        environ["wsgi.url_scheme"] = scheme
    if host := _last(told.get("HTTP_X_FORWARDED_HOST", "")):
        environ["HTTP_HOST"] = host


def tween_factory(handler: Callable[[Request], Response], registry: Registry) -> Callable[[Request], Response]:
    """Outermost, so that nobody sees what was not resolved. Raises SettingsError."""
    made_of: Runtime = registry["picloud.runtime"]
    proxies = TrustedProxies.parse(made_of.settings.trusted_proxies)

    def forwarded_tween(request: Request) -> Response:
        resolve(request.environ, proxies)
        return handler(request)

    return forwarded_tween


def _client(peer: str, chain: str, proxies: TrustedProxies) -> str:
    client = peer
    for hop in reversed(chain.split(",")):
        address = _address(hop.strip())
        if address is None:
            break
        client = str(address)
        if not proxies.trusts(client):
            break
    return client


def _last(values: str) -> str:
    return values.rpartition(",")[2].strip()


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
