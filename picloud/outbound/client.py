"""`ctx.http` on the trusted side: one call of a handler, from its arguments to the answer."""

import base64
import contextlib
import http.client
import ssl
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from picloud.outbound.allow import check_allowed
from picloud.outbound.call import make_request, read_call
from picloud.outbound.deadline import Deadline, timed_out
from picloud.outbound.dialer import Dialer
from picloud.outbound.errors import OutboundFailed, OutboundRefused
from picloud.outbound.exchange import Answer, exchange
from picloud.outbound.limits import OutboundLimits
from picloud.outbound.request import Request

__all__ = ["Client", "OutboundLimits", "fetch"]


def fetch(
    call: Mapping[str, Any], *, allow: Sequence[str], limits: OutboundLimits, deadline_s: float
) -> dict[str, Any]:
    """Make the request that a handler asked for. Safe for threads.

    `call`: `method`, `url`, and perhaps `headers`, `params`, one of `json`, `text`, `form` and `body_base64`, and
    `timeout_s`. `allow`: the app's `http_allow`. `deadline_s`: the run's end, a moment of `time.monotonic()`. Gives
    `status`, `headers` (pairs), `body_base64` and `url` (where redirects led). Raises OutboundRefused, OutboundFailed.
    """
    return Client().fetch(call, allow=allow, limits=limits, deadline_s=deadline_s)


class Client:
    """Keeps nothing between calls: no connections, no cookies. Reads no proxy, no netrc from its surroundings."""

    def __init__(self, dialer: Dialer | None = None) -> None:
        self._dialer = dialer or Dialer()

    def fetch(
        self, call: Mapping[str, Any], *, allow: Sequence[str], limits: OutboundLimits, deadline_s: float
    ) -> dict[str, Any]:
        """As the function `fetch`."""
        asked = read_call(call)
        timeout_s = min(asked.timeout_s or limits.timeout_s, limits.timeout_s)
        deadline = Deadline(min(deadline_s, time.monotonic() + timeout_s))
        request = make_request(asked, limits)
        check_allowed(request.target, allow)
        for _ in range(limits.redirects_max + 1):
            answer = self._exchange(request, limits, deadline)
            if answer.location is None:
                return _as_reply(answer, request)
            request = _followed(request, answer, allow)
        raise OutboundFailed(f"more than {limits.redirects_max} redirects")

    def _exchange(self, request: Request, limits: OutboundLimits, deadline: Deadline) -> Answer:
        with _explained(request.target.host), self._dialer.dial(request.target, deadline) as sock:
            return exchange(sock, request, limits, deadline)


def _followed(request: Request, answer: Answer, allow: Sequence[str]) -> Request:
    """The request that the redirect asks for. Raises OutboundRefused."""
    try:
        target = request.target.joined(answer.location or "")
        check_allowed(target, allow)
    except OutboundRefused as refused:
        raise OutboundRefused(f"{request.target.host} redirects, and {refused.message}") from None
    return request.redirected(answer.status, target)


def _as_reply(answer: Answer, request: Request) -> dict[str, Any]:
    return {
        "status": answer.status,
        "headers": [[name, value] for name, value in answer.headers],
        "body_base64": base64.b64encode(answer.body).decode(),
        "url": request.target.url,
    }


@contextlib.contextmanager
def _explained(host: str) -> Iterator[None]:
    """Turns what sockets, TLS and http.client raise into OutboundFailed."""
    try:
        yield
    except TimeoutError:
        raise timed_out() from None
    except ssl.SSLCertVerificationError as error:
        raise OutboundFailed(f"{host} has no valid certificate: {error.verify_message}") from None
    except ssl.SSLError as error:
        raise OutboundFailed(f"TLS with {host} failed: {error.reason or 'it was broken off'}") from None
    except OSError as error:
        raise OutboundFailed(f"the connection to {host} failed: {error.strerror or 'it was broken off'}") from None
    except http.client.HTTPException as error:
        raise OutboundFailed(f"{host} gave no proper HTTP answer ({type(error).__name__})") from None
