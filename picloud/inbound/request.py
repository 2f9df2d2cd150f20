"""What an adapter sees of a request."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass


def _no_certificates(url: str) -> bytes:
    raise LookupError(url)


@dataclass(frozen=True, slots=True)
class Request:
    """Header names are lower-case, the body is the bytes as they came.

    `url`: the address that the sender was given, with the query that came. `certificate`: fetches the PEM behind an
    address that the caller has checked; raises Unavailable.
    """

    headers: Mapping[str, str]
    body: bytes
    url: str = ""
    certificate: Callable[[str], bytes] = _no_certificates

    @property
    def content_type(self) -> str:
        """With its parameters."""
        return self.headers.get("content-type", "")
