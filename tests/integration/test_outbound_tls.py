"""https, with a certificate authority of the tests' own."""

import base64
import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

import pytest
import trustme

from picloud.outbound.client import Client, OutboundLimits
from picloud.outbound.dialer import Dialer, system_trust
from picloud.outbound.errors import OutboundFailed
from tests.integration.outbound_server import Server, says, serving


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def server_side(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    return context


def trusting(authority: trustme.CA) -> Callable[[], ssl.SSLContext]:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return lambda: context


def ask(server: Server, host: str, trust: Callable[[], ssl.SSLContext], **options: Any) -> dict[str, Any]:
    client = Client(Dialer(lambda address: True, lambda host, deadline: [ip_address("127.0.0.1")], trust))
    call = {"method": "GET", "url": f"https://{host}:{server.port}/"} | options
    allow = [f"{host}:{server.port}"]
    return client.fetch(call, allow=allow, limits=OutboundLimits(), deadline_s=time.monotonic() + 30)


def test_the_name_is_asked_for_and_checked_though_an_address_is_connected_to(authority: trustme.CA) -> None:
    asked: list[str | None] = []
    context = server_side(authority, "api.example.com", "xn--bcher-kva.example")
    context.sni_callback = lambda sock, name, _: asked.append(name)
    with serving(says(200, b"secret"), context) as server:
        reply = ask(server, "API.example.com", trusting(authority))
        assert base64.b64decode(reply["body_base64"]) == b"secret"
        ask(server, "bücher.example", trusting(authority))
    assert asked == ["api.example.com", "xn--bcher-kva.example"]


def test_large_bodies_both_ways(authority: trustme.CA) -> None:
    content = base64.b64encode(b"\0" * 700_000).decode()
    with serving(
        lambda request, conn: says(200, request.body)(request, conn), server_side(authority, "a.com")
    ) as server:
        reply = ask(server, "a.com", trusting(authority), method="POST", body_base64=content)
    assert reply["body_base64"] == content


def test_another_hosts_certificate(authority: trustme.CA) -> None:
    why = r"^api\.example\.com has no valid certificate: Hostname mismatch"
    context = server_side(authority, "other.example.com")
    with serving(says(200), context) as server, pytest.raises(OutboundFailed, match=why):
        ask(server, "api.example.com", trusting(authority))
    assert server.received == []


def test_an_authority_that_nobody_knows(authority: trustme.CA) -> None:
    why = r"^api\.example\.com has no valid certificate: "
    context = server_side(authority, "api.example.com")
    with serving(says(200), context) as server, pytest.raises(OutboundFailed, match=why):
        ask(server, "api.example.com", system_trust)
    assert server.received == []


def test_a_server_without_tls(authority: trustme.CA) -> None:
    def speak_http(listener: socket.socket) -> None:
        conn, _ = listener.accept()
        with conn, contextlib.suppress(OSError):
            conn.recv(65_536)
            conn.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            while conn.recv(65_536):
                pass

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=speak_http, args=(listener,), daemon=True)
        thread.start()
        server = Server(listener, says(200), listener.getsockname()[1])
        with pytest.raises(OutboundFailed, match=r"^TLS with api\.example\.com failed"):
            ask(server, "api.example.com", trusting(authority))
        thread.join(30)
