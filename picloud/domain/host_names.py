"""Names of hosts, as DNS and the Host header have them."""

import ipaddress
import re

NAME_MAX_LENGTH = 253
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


class HostNameError(ValueError):
    """The text is no name of a host. It says why."""


def host_name(text: str) -> str:
    """`text` as it stands in DNS: lower case, without the final dot, other alphabets in punycode (RFC 5890).

    Raises HostNameError.
    """
    name = text.strip().rstrip(".").lower()
    try:
        name = name.encode("idna").decode() if not name.isascii() else name
    except UnicodeError:
        raise HostNameError("has a part that no host name may have") from None
    labels = name.split(".")
    if len(name) > NAME_MAX_LENGTH or not all(_LABEL.fullmatch(label) for label in labels):
        raise HostNameError("has to be a host name such as shop.example.org, without scheme, port or path")
    if len(labels) < 2 or _is_address(name):
        raise HostNameError("has to be a name below a domain, such as shop.example.org; no address")
    return name


def without_port(host: str) -> str:
    """What a Host header names, in lower case; a name's final dot means the same name."""
    name = host.rpartition(":")[0] if re.search(r":\d*$", host) and not host.endswith("]") else host
    return name.lower().rstrip(".")


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
