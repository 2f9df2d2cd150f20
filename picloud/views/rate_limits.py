"""How much one key or session may ask of the admin API, and how often one address may fail to sign in.

Headers by draft-ietf-httpapi-ratelimit-headers. A key is known by its hash, before the database is asked for anything.
"""

from collections.abc import Callable
from ipaddress import ip_address

from pyramid.registry import Registry
from pyramid.request import Request
from pyramid.response import Response

from picloud.crypto import token_hash
from picloud.domain.errors import TooManyRequests, Unauthenticated
from picloud.security.browser import session_token
from picloud.services.requests.rate_limits import Standing, TokenBuckets
from picloud.services.runtime import Runtime
from picloud.views.routes import ADMIN

Handler = Callable[[Request], Response]

_NETWORK_BYTES = 8
"""Of an IPv6 address: whoever has one has the whole network of 64 bits."""


def tween_factory(handler: Handler, registry: Registry) -> Handler:
    """Inside of what turns errors into problems, outside of the transaction."""
    made_of: Runtime = registry["picloud.runtime"]
    limits = RateLimits(made_of.settings.key_requests_per_minute, made_of.settings.failed_sign_ins_per_minute)

    def rate_limits_tween(request: Request) -> Response:
        if not request.environ["PATH_INFO"].startswith(ADMIN):
            return handler(request)
        name = _credentials(request)
        if name is not None and name in limits.known:
            return limits.answer_known(request, handler, name)
        return limits.answer_unknown(request, handler, name)

    return rate_limits_tween


class RateLimits:
    """`known`: credentials that were good once. Only these have a bucket, so junk can't push them out."""

    def __init__(self, requests_per_minute: int, failures_per_minute: int) -> None:
        self.known = TokenBuckets(requests_per_minute)
        self._failures = TokenBuckets(failures_per_minute)

    def answer_known(self, request: Request, handler: Handler, name: bytes) -> Response:
        """Raises TooManyRequests."""
        standing = self.known.take(name)
        request.rate_limit = standing
        if standing.wait_s:
            detail = f"You may send {standing.quota} requests a minute."
            raise TooManyRequests(detail, retry_after_s=standing.wait_s)
        return handler(request)

    def answer_unknown(self, request: Request, handler: Handler, name: bytes | None) -> Response:
        """Raises TooManyRequests, and Unauthenticated as it comes."""
        address = _address(request)
        if address is not None and (standing := self._failures.look(address)).wait_s:
            raise TooManyRequests("Too many requests without valid credentials.", retry_after_s=standing.wait_s)
        try:
            response = handler(request)
        except Unauthenticated:
            if address is not None:
                self._failures.take(address)
            raise
        if name is not None:
            request.rate_limit = self.known.take(name)
        return response


def add_headers(response: Response, standing: Standing | None) -> None:
    """Tell the client how it stands."""
    if standing is not None:
        response.headers["RateLimit-Policy"] = f'"key";q={standing.quota};w=60'
        response.headers["RateLimit"] = f'"key";r={standing.remaining};t={standing.reset_s}'


def _credentials(request: Request) -> bytes | None:
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    token = key.strip() if scheme.lower() == "bearer" else session_token(request)
    return token_hash(token) if token else None


def _address(request: Request) -> bytes | None:
    """None where no address is told, or the machine's own: a proxy that nobody said is one would stand for everybody."""
    try:
        address = ip_address(request.environ.get("REMOTE_ADDR", ""))
    except ValueError:
        return None
    if address.is_loopback:
        return None
    return address.packed if address.version == 4 else address.packed[:_NETWORK_BYTES]
