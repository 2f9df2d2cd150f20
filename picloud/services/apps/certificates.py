"""Fetches the certificates that SNS signs with, by the guarded client, and keeps the last few."""

import base64
import time
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from urllib.parse import urlsplit

from picloud.domain.errors import Unavailable
from picloud.outbound.client import OutboundLimits, fetch
from picloud.outbound.errors import OutboundError

_KEPT = 8
_LIMITS = OutboundLimits(timeout_s=5.0, response_max_bytes=64 * 1024, redirects_max=0)


class Certificates:
    def __init__(self, fetched: Callable[[str], bytes] | None = None) -> None:
        self._fetched = fetched or _fetched
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._lock = Lock()

    def __call__(self, url: str) -> bytes:
        """What stands at `url`, whose host the caller vouches for; empty where there is nothing. Raises Unavailable."""
        with self._lock:
            if url in self._kept:
                return self._kept[url]
        pem = self._fetched(url)
        if not pem:
            return pem  # asked for again: SNS may show a new one a moment late
        with self._lock:
            self._kept[url] = pem
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return pem


def _fetched(url: str) -> bytes:
    host = urlsplit(url).hostname or ""
    call = {"method": "GET", "url": url}
    try:
        reply = fetch(call, allow=[host], limits=_LIMITS, deadline_s=time.monotonic() + _LIMITS.timeout_s)
    except OutboundError as error:
        raise Unavailable(f"The certificate can't be fetched: {error.message}", code="certificate_away") from None
    if reply["status"] >= 500:
        raise Unavailable("The certificate can't be fetched.", code="certificate_away")
    return base64.b64decode(reply["body_base64"]) if reply["status"] == 200 else b""
