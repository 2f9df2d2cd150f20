"""Requests to servers on loopback, which only these tests' own address check lets through."""

import base64
import contextlib
import socket
import time
from collections.abc import Callable, Sequence
from ipaddress import ip_address
from typing import Any

import pytest

from picloud.outbound.address import IpAddress, is_public
from picloud.outbound.client import Client, OutboundLimits
from picloud.outbound.deadline import Deadline
from picloud.outbound.dialer import Dialer
from picloud.outbound.errors import OutboundFailed, OutboundRefused
from tests.integration.outbound_server import Received, Script, Server, says, serving

NAMES = {"private.example.com": "10.0.0.1", "metadata.example.com": "169.254.169.254"}


def may_connect(address: IpAddress) -> bool:
    return address == ip_address("127.0.0.1") or is_public(address)


def resolve(host: str, deadline: Deadline) -> Sequence[IpAddress]:
    return [ip_address(NAMES.get(host, "127.0.0.1"))]


CLIENT = Client(Dialer(may_connect, resolve))


def ask(server: Server, path: str = "/", *, host: str = "a.example.com", **options: Any) -> dict[str, Any]:
    """`allow` and `limits` are fetch's; other options go into the call."""
    allow = options.pop("allow", [f"*.example.com:{server.port}"])
    limits = options.pop("limits", OutboundLimits())
    call = {"method": "GET", "url": f"http://{host}:{server.port}{path}"} | options
    return CLIENT.fetch(call, allow=allow, limits=limits, deadline_s=time.monotonic() + 30)


def body(reply: dict[str, Any]) -> bytes:
    return base64.b64decode(reply["body_base64"])


def test_a_call_there_and_back() -> None:
    with serving(says(201, b'{"id": 7}', "Content-Type: application/json")) as server:
        reply = ask(server, "/a?b=1", method="POST", json={"x": "ü"}, params={"c": 2}, headers={"X-Key": "k"})
        assert (reply["status"], body(reply)) == (201, b'{"id": 7}')
        assert reply["headers"] == [["Content-Length", "9"], ["Content-Type", "application/json"]]
        assert reply["url"] == f"http://a.example.com:{server.port}/a?b=1&c=2"
    [request] = server.received
    assert request.line == "POST /a?b=1&c=2 HTTP/1.1"
    assert request.headers["host"] == f"a.example.com:{server.port}"
    assert request.headers["x-key"] == "k"
    assert request.body == '{"x":"ü"}'.encode()


def test_a_real_look_up() -> None:
    client = Client(Dialer(lambda address: address.is_loopback))
    with serving(says(200, b"hello")) as server:
        call = {"method": "GET", "url": f"http://localhost:{server.port}/"}
        allow = [f"localhost:{server.port}"]
        reply = client.fetch(call, allow=allow, limits=OutboundLimits(), deadline_s=time.monotonic() + 30)
    assert body(reply) == b"hello"


def test_errors_of_the_server_are_answers() -> None:
    with serving(says(503, b"busy")) as server:
        assert ask(server)["status"] == 503


def test_surroundings_change_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    (tmp_path / ".netrc").write_text("machine a.example.com login ada password secret")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    with serving(says(200)) as server:
        assert ask(server)["status"] == 200
    assert "authorization" not in server.received[0].headers


def test_cookies_are_not_kept() -> None:
    with serving(says(200, b"", "Set-Cookie: a=1; Path=/")) as server:
        assert ["Set-Cookie", "a=1; Path=/"] in ask(server)["headers"]
        ask(server)
    assert all("cookie" not in request.headers for request in server.received)


# Redirects


def to_path_two(location: Callable[[int], str], status: int = 302) -> Script:
    """Redirects from /one; says "here" on any other path."""

    def script(request: Received, conn: socket.socket) -> None:
        port = conn.getsockname()[1]
        if request.line.split()[1] == "/one":
            says(status, b"gone", f"Location: {location(port)}")(request, conn)
        else:
            says(200, b"here")(request, conn)

    return script


def test_a_redirect_is_followed() -> None:
    with serving(to_path_two(lambda port: "/two?x")) as server:
        reply = ask(server, "/one", method="POST", text="body", headers={"Authorization": "Bearer s"})
    assert (reply["status"], body(reply)) == (200, b"here")
    assert reply["url"].endswith("/two?x")
    after = server.received[1]
    assert (after.line, after.body) == ("GET /two?x HTTP/1.1", b"")
    assert after.headers["authorization"] == "Bearer s"
    assert "content-type" not in after.headers


def test_307_sends_the_body_again_and_credentials_stay_behind() -> None:
    with serving(to_path_two(lambda port: f"http://b.example.com:{port}/two", 307)) as server:
        headers = {"Authorization": "Bearer s", "Cookie": "a=1", "X": "1"}
        reply = ask(server, "/one", method="POST", text="body", headers=headers)
        assert reply["url"] == f"http://b.example.com:{server.port}/two"
    after = server.received[1]
    assert (after.line, after.body) == ("POST /two HTTP/1.1", b"body")
    assert after.headers["host"].startswith("b.example.com")
    assert after.headers["x"] == "1"
    assert not {"authorization", "cookie"} & after.headers.keys()


@pytest.mark.parametrize(
    ("location", "why"),
    [
        ("http://evil.example/", "evil.example is not in this app's http_allow"),
        ("http://a.example.com:22/", "a.example.com:22 is not in this app's http_allow"),
        ("http://127.0.0.1/", "the url's host is an address"),
        ("http://[::1]/", "the url's host is an address"),
        ("http://a.example.com@127.0.0.1/", "the url holds a user name"),
        ("file:///etc/passwd", "the url has to begin with http"),
    ],
)
def test_a_redirect_is_checked_like_the_first_url(location: str, why: str) -> None:
    with serving(to_path_two(lambda port: location)) as server, pytest.raises(OutboundRefused) as refused:
        ask(server, "/one")
    assert refused.value.message.startswith(f"a.example.com redirects, and {why}")
    assert len(server.received) == 1


@pytest.mark.parametrize("name", NAMES)
def test_a_redirect_to_a_private_address_is_refused(name: str) -> None:
    script = to_path_two(lambda port: f"http://{name}:{port}/")
    with serving(script) as server, pytest.raises(OutboundRefused, match=f"^{name} has an address that is not public"):
        ask(server, "/one")


def test_redirects_end() -> None:
    script = says(302, b"", "Location: /again")
    with serving(script) as server, pytest.raises(OutboundFailed, match="more than 3 redirects"):
        ask(server)
    assert len(server.received) == 4


# Time. None of these servers ever ends its answer.


def drip(piece: bytes) -> Script:
    def script(request: Received, conn: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                conn.sendall(piece)
                time.sleep(0.01)

    return script


@pytest.mark.parametrize(
    "start",
    [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"],
    ids=["status", "header", "body", "chunk"],
)
def test_a_server_that_drips_gains_nothing(start: bytes) -> None:
    def script(request: Received, conn: socket.socket) -> None:
        conn.sendall(start)
        drip(b"0")(request, conn)

    with serving(script) as server, pytest.raises(OutboundFailed) as failed:
        ask(server, timeout_s=0.2)
    assert failed.value.type == "TimeoutError"


def test_redirects_share_the_time() -> None:
    def script(request: Received, conn: socket.socket) -> None:
        time.sleep(0.1)
        says(302, b"", "Location: /again")(request, conn)

    with serving(script) as server, pytest.raises(OutboundFailed) as failed:
        ask(server, timeout_s=0.3, limits=OutboundLimits(redirects_max=1_000))
    assert failed.value.type == "TimeoutError"


def test_a_server_that_does_not_read_gains_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        server = Server(listener, says(200), listener.getsockname()[1])
        limits = OutboundLimits(request_max_bytes=32 * 1024 * 1024)
        with pytest.raises(OutboundFailed) as failed:
            ask(server, method="POST", text="x" * limits.request_max_bytes, timeout_s=0.2, limits=limits)
    assert failed.value.type == "TimeoutError"


def test_the_instances_limit_and_the_runs_end_are_above_what_the_handler_asks_for() -> None:
    with serving(drip(b"0")) as server:
        with pytest.raises(OutboundFailed):
            ask(server, timeout_s=1_000, limits=OutboundLimits(timeout_s=0.1))
        call = {"method": "GET", "url": f"http://a.example.com:{server.port}/"}
        with pytest.raises(OutboundFailed):
            CLIENT.fetch(
                call, allow=[f"*.example.com:{server.port}"], limits=OutboundLimits(), deadline_s=time.monotonic() + 0.1
            )


# Trouble


def test_nobody_listens() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        server = Server(taken, says(200), taken.getsockname()[1])
        with pytest.raises(OutboundFailed, match=r"a\.example\.com can't be connected to: Connection refused"):
            ask(server)


def test_a_server_that_hangs_up() -> None:
    with serving(lambda request, conn: None) as server, pytest.raises(OutboundFailed) as failed:
        ask(server)
    assert failed.value.type == "OSError"


def test_something_that_is_not_http() -> None:
    def script(request: Received, conn: socket.socket) -> None:
        conn.sendall(b"220 mail ESMTP\r\n")

    with serving(script) as server, pytest.raises(OutboundFailed, match="gave no proper HTTP answer"):
        ask(server)


def test_the_answer_is_capped() -> None:
    with serving(says(200, b"x" * 1001)) as server:
        with pytest.raises(OutboundFailed, match="larger than 1000 bytes"):
            ask(server, limits=OutboundLimits(response_max_bytes=1000))
        assert len(body(ask(server, limits=OutboundLimits(response_max_bytes=1001)))) == 1001
