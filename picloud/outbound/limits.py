"""What one call of `ctx.http` may use."""

from dataclasses import dataclass

_KIB = 1024


@dataclass(frozen=True, slots=True)
class OutboundLimits:
    """`timeout_s` bounds the whole call, with its redirects; a call may ask for less. `response_max_bytes` counts the
    body after decompression. `headers_max` bounds the number of a request's headers, `headers_max_bytes` the names and
    values of a request's or a response's headers.
    """

    timeout_s: float = 10.0
    request_max_bytes: int = 1024 * _KIB
    response_max_bytes: int = 1024 * _KIB
    redirects_max: int = 3
    headers_max: int = 64
    headers_max_bytes: int = 32 * _KIB

    @property
    def wire_max_bytes(self) -> int:
        """What one response may take on the wire. Chunks add to a body: of one byte each, they cost us 0.4 µs a byte."""
        return self.response_max_bytes * 5 // 4 + self.headers_max_bytes + 64 * _KIB
