"""The certificate that visitors of `public_url` see."""

import socket
import ssl
import time
from urllib.parse import urlsplit

from picloud.checkup.finding import Finding, broken, ok, warning

EXPIRY_WARNING_S = 10 * 86_400
_TIMEOUT_S = 5.0
_TRUST = (  # `caddy trust` would ask at the admin address, which is off
    "cp /var/lib/caddy/.local/share/caddy/pki/authorities/local/root.crt "
    "/usr/local/share/ca-certificates/caddy.crt && update-ca-certificates"
)
_UNKNOWN_ISSUER = (18, 19, 20)
"""X509_V_ERR_… of openssl-verification-options(1): self-signed, or by who is not among the trusted."""


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
    except ssl.SSLCertVerificationError as error:
        return _unverified(public_url, error)
    except OSError as error:
        return broken("certificate", f"{public_url}: {error}", "systemctl restart caddy")
    left_s = ssl.cert_time_to_seconds(str(found["notAfter"])) - time.time()
    said = f"{url.hostname} for {left_s / 86_400:.0f} days more"
    return (
        warning("certificate", said, "systemctl restart caddy")
        if left_s < EXPIRY_WARNING_S
        else ok("certificate", said)
    )


def _unverified(public_url: str, error: ssl.SSLCertVerificationError) -> Finding:
    """Caddy's own authority, as with --local-certificates, is one that this machine may not know."""
    said = f"{public_url}: {error.verify_message}"
    if error.verify_code in _UNKNOWN_ISSUER:
        return warning("certificate", f"{said}; right with --local-certificates alone", _TRUST)
    return broken("certificate", said, "systemctl restart caddy")
