"""Who really asks: no header of a client's own changes it."""

from typing import Any

import pytest

from picloud.settings import SettingsError
from picloud.views.forwarded import DIRECT, TrustedProxies, resolve

PROXIES = TrustedProxies.parse("10.0.0.0/8, 192.168.1.1 fd00::/8")


def resolved(peer: str, proxies: TrustedProxies = PROXIES, **headers: str) -> dict[str, Any]:
    environ: dict[str, Any] = {"REMOTE_ADDR": peer, "wsgi.url_scheme": "http", "HTTP_HOST": "box"}
    environ |= {f"HTTP_{name.upper()}": value for name, value in headers.items()}
    resolve(environ, proxies)
    return environ


def client(peer: str, forwarded_for: str, proxies: TrustedProxies = PROXIES) -> str:
    return str(resolved(peer, proxies, x_forwarded_for=forwarded_for)["REMOTE_ADDR"])


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "expected"),
    [
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),  # no proxy of ours
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "1.2.3.4, 198.51.100.1", "198.51.100.1"),  # the left one is the client's own word
        ("10.0.0.1", "1.2.3.4, 198.51.100.1, 10.1.1.1", "198.51.100.1"),
        ("10.0.0.1", "10.9.9.9", "10.9.9.9"),
        ("10.0.0.1", "198.51.100.1, junk", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.1, junk, 10.1.1.1", "10.1.1.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "::ffff:198.51.100.1", "198.51.100.1"),
        ("::ffff:10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("fd00::1", "2001:db8::5", "2001:db8::5"),
        ("192.168.1.2", "198.51.100.1", "192.168.1.2"),
        ("localhost", "198.51.100.1", "localhost"),  # a Unix socket that nobody trusts
    ],
)
def test_the_rightmost_address_that_no_proxy_of_ours_has(peer: str, forwarded_for: str, expected: str) -> None:
    assert client(peer, forwarded_for) == expected


def test_a_unix_socket_may_be_trusted() -> None:
    assert client("localhost", "198.51.100.1", TrustedProxies.parse("unix")) == "198.51.100.1"


def test_scheme_and_host_are_a_trusted_proxy_s_alone() -> None:
    told = {"x_forwarded_proto": "https", "x_forwarded_host": "evil.example"}
    by_proxy, by_client = resolved("10.0.0.1", **told), resolved("203.0.113.9", **told)
    assert (by_proxy["wsgi.url_scheme"], by_proxy["HTTP_HOST"]) == ("https", "evil.example")
    assert (by_client["wsgi.url_scheme"], by_client["HTTP_HOST"]) == ("http", "box")
    assert resolved("10.0.0.1", x_forwarded_proto="gopher")["wsgi.url_scheme"] == "http"


@pytest.mark.parametrize("peer", ["10.0.0.1", "203.0.113.9"])
@pytest.mark.parametrize(
    "name", ["forwarded", "x_forwarded_for", "x_forwarded_proto", "x_forwarded_host", "x_forwarded_port", "x_real_ip"]
)
def test_nobody_else_sees_the_headers(peer: str, name: str) -> None:
    environ = resolved(peer, **{name: "1.2.3.4"})
    assert f"HTTP_{name.upper()}" not in environ
    assert environ[DIRECT] is False


def test_without_them_a_request_is_direct() -> None:
    assert resolved("127.0.0.1")[DIRECT] is True


@pytest.mark.parametrize("text", ["everybody", "10.0.0.1/8", "10.0.0.0/33", "*"])
def test_what_is_no_address_is_told_at_start(text: str) -> None:
    with pytest.raises(SettingsError, match="TRUSTED_PROXIES"):
        TrustedProxies.parse(text)
