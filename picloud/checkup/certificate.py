"""The certificate that visitors of `public_url` see."""

import socket
import ssl
import time
from urllib.parse import urlsplit

from picloud.checkup.finding import Finding, broken, ok, warning

EXPIRY_WARNING_S = 10 * 86_400
_TIMEOUT_S = 5.0


def certificate(public_url: str) -> Finding | None:
    """None: there is no https address to look at."""
    url = urlsplit(public_url)
    if url.scheme != "https" or not url.hostname:
        return None
    context = ssl.create_default_context()
    try:
        plain = socket.create_connection((url.hostname, url.port or 443), _TIMEOUT_S)
        with plain, context.wrap_socket(plain, server_hostname=url.hostname) as secured:
            found = secured.getpeercert() or {}
    except OSError as error:
        return broken("certificate", f"{public_url}: {error}", "systemctl status caddy")
    left_s = ssl.cert_time_to_seconds(str(found["notAfter"])) - time.time()
    said = f"{url.hostname} for {left_s / 86_400:.0f} days more"
    return (
        warning("certificate", said, "systemctl status caddy") if left_s < EXPIRY_WARNING_S else ok("certificate", said)
    )
