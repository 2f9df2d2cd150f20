"""The hosts that an app may call: its `http_allow`."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from picloud.outbound.errors import OutboundError, OutboundRefused, malformed
from picloud.outbound.hosts import normal_host
from picloud.outbound.target import DEFAULT_PORTS, Target

_USUAL_PORTS = frozenset(DEFAULT_PORTS.values())


@dataclass(frozen=True, slots=True)
class Entry:
    """`host.example`, `*.example.com` (its subdomains, not itself), each with `:port` or for ports 80 and 443."""

    host: str
    subdomains: bool
    ports: frozenset[int]

    def covers(self, target: Target) -> bool:
        if self.subdomains:
            fits = target.host.endswith("." + self.host)
        else:
            fits = target.host == self.host
        return fits and target.port in self.ports


@lru_cache(maxsize=1024)
def parse_entry(text: str) -> Entry:
    """Raises OutboundRefused, whose message says what is wrong with the entry."""
    name, colon, port = text.strip().partition(":")
    if colon and not (port.isascii() and port.isdigit() and len(port) <= 5 and 1 <= int(port) <= 65_535):
        raise malformed("write a host name, *.example.com, or either with :port; no scheme, path or address")
    subdomains = name.startswith("*.")
    host = normal_host(name.removeprefix("*."))
    return Entry(host, subdomains, frozenset({int(port)}) if colon else _USUAL_PORTS)


def check_allowed(target: Target, allow: Iterable[str]) -> None:
    """Raises OutboundRefused. An entry that can't be read allows nothing."""
    entries = list(allow)
    if not entries:
        raise OutboundRefused("ctx.http is off for this app: put the hosts that it may call into its http_allow")
    if not any(entry.covers(target) for entry in _readable(entries)):
        where = target.host if target.port in _USUAL_PORTS else f"{target.host}:{target.port}"
        raise OutboundRefused(f"{where} is not in this app's http_allow")


def _readable(entries: Iterable[str]) -> Iterable[Entry]:
    for text in entries:
        try:
            yield parse_entry(text)
        except OutboundError:
            continue
