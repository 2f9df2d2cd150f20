"""`ctx.http` as a handler sees it: restricted code, the worker's object, frames, and the client behind them."""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

import pytest

from picloud.outbound.client import Client, OutboundLimits
from picloud.outbound.dialer import Dialer
from picloud.outbound.errors import OutboundError
from picloud.sandbox_pool import frames
from picloud.sandbox_pool.compile import Refused, compile_script
from picloud.sandbox_pool.handler_builtins import handler_builtins
from picloud.sandbox_pool.host_calls import HostCaller
from picloud.sandbox_pool.host_http import Http
from picloud.sandbox_pool.protocol import Channel, Kind
from tests.integration.outbound_server import Received, says, serving

CLIENT = Client(Dialer(lambda address: True, lambda host, deadline: [ip_address("127.0.0.1")]))


@dataclass(slots=True)
class Context:
    http: Http
    base: str


def host_side(sock: socket.socket, allow: list[str]) -> None:
    """Answers calls as the pool's driver does, until the other end closes."""
    channel = Channel(sock)
    with contextlib.suppress(EOFError):
        while True:
            call = frames.decode_call(channel.receive({Kind.CALL: 4 * 1024 * 1024})[1])
            assert call.verb == "http.request"
            try:
                limits, end_s = OutboundLimits(timeout_s=5), time.monotonic() + 30
                reply = {"value": CLIENT.fetch(call.args, allow=allow, limits=limits, deadline_s=end_s)}
            except OutboundError as error:
                reply = {"error": {"type": error.type, "message": error.message}}
            channel.send(Kind.REPLY, json.dumps(reply).encode())


@contextlib.contextmanager
def context(port: int) -> Iterator[Context]:
    ours, theirs = socket.socketpair()
    thread = threading.Thread(target=host_side, args=(theirs, [f"a.example.com:{port}"]))
    thread.start()
    try:
        yield Context(Http(HostCaller(Channel(ours))), f"http://a.example.com:{port}")
    finally:
        ours.close()
        thread.join(30)
        theirs.close()


def echo(request: Received, conn: socket.socket) -> None:
    if "/silent" in request.line:
        return
    seen = {"line": request.line, "type": request.headers.get("content-type"), "body": request.body.decode("latin-1")}
    seen["x"] = request.headers.get("x")
    status = 404 if "/missing" in request.line else 200
    says(status, json.dumps(seen).encode(), "Content-Type: application/json", "X-A: 1", "X-A: 2")(request, conn)


def run(body: str) -> Any:
    """What a handler with this body returns, called with a `ctx` whose `http` reaches an echoing server."""
    source = "def handler(ctx):\n" + "\n".join(f"    {line}" for line in body.strip().splitlines())
    namespace: dict[str, Any] = {"__builtins__": handler_builtins() | {"__import__": __import__}, "__name__": "main"}
    exec(compile_script("main", source, frozenset()), namespace)
    with serving(echo) as server, context(server.port) as ctx:
        return namespace["handler"](ctx)


def test_get() -> None:
    seen = run("""
r = ctx.http.get(ctx.base + "/x", params={"q": "ü"}, headers={"X": 5}, timeout_s=3)
r.raise_for_status()
return [r.status, r.ok, r.json(), r.text == r.body.decode(), r.url.endswith("/x?q=%C3%BC"), str(r)]
""")
    line = "GET /x?q=%C3%BC HTTP/1.1"
    assert seen == [200, True, {"line": line, "type": None, "body": "", "x": "5"}, True, True, "<HttpResponse 200>"]


def test_headers_of_the_answer() -> None:
    assert run("""
h = ctx.http.get(ctx.base).headers
return [h["x-a"], h.get("X-A"), h.get("none", 7), "CONTENT-TYPE" in h, "y" in h, h.get_all("x-a"), len(h),
        [name for name in h], h.items()[-1], dict(h)["X-A"]]
""") == [
        *("1", "1", 7, True, False, ["1", "2"], 4),
        *(["Content-Length", "Content-Type", "X-A", "X-A"], ("X-A", "2"), "1"),
    ]


@pytest.mark.parametrize("method", ["post", "put", "patch"])
@pytest.mark.parametrize(
    ("argument", "content", "content_type"),
    [
        ("json={'a': [1]}", '{"a":[1]}', "application/json"),
        ("{'a': 1}", '{"a":1}', "application/json"),
        ("data={'a': 'b c', 'd': 1}", "a=b+c&d=1", "application/x-www-form-urlencoded"),
        ("data='text'", "text", "text/plain; charset=utf-8"),
        ("body=b'bytes', headers={'Content-Type': 'x/y'}", "bytes", "x/y"),
        ("body=bytearray(b'bytes'), params={'a': 1}", "bytes", None),
    ],
)
def test_bodies(method: str, argument: str, content: str, content_type: str | None) -> None:
    seen = run(f"return ctx.http.{method}(ctx.base, {argument}).json()")
    assert seen["line"].startswith(method.upper())
    assert (seen["body"], seen["type"]) == (content, content_type)


def test_other_methods() -> None:
    assert run("return ctx.http.delete(ctx.base + '/x').json()['line']") == "DELETE /x HTTP/1.1"
    assert run("return ctx.http.head(ctx.base).body") == b""
    assert run("return ctx.http.request('propfind', ctx.base, json=1).json()['line']") == "PROPFIND / HTTP/1.1"


def test_status_errors() -> None:
    assert run("""
r = ctx.http.get(ctx.base + "/missing?secret")
try:
    r.raise_for_status()
except OSError as error:
    return [r.ok, error.status, str(error).replace(ctx.base, "")]
""") == [False, 404, "/missing answered with status 404"]


def test_refusals_and_failures_can_be_caught() -> None:
    assert run("""
kinds = []
for url in ("http://evil.example/", "http://127.0.0.1/", ctx.base + "/silent"):
    try:
        ctx.http.get(url)
    except PermissionError as error:
        kinds.append("refused: " + str(error))
    except OSError as error:
        kinds.append("failed")
    except ValueError as error:
        kinds.append("wrong: " + str(error))
return kinds
""") == [
        "refused: evil.example is not in this app's http_allow",
        "wrong: the url's host is an address: use a host name",
        "failed",
    ]


@pytest.mark.parametrize(
    "arguments",
    ["json=1, body='x'", "data={}, body='x'", "data=[1]", "body=1", "timeout_s=-1", "headers={'a': 'b\\n'}"],
)
def test_wrong_arguments(arguments: str) -> None:
    with pytest.raises((ValueError, TypeError)):
        run(f"return ctx.http.post(ctx.base, {arguments})")


@pytest.mark.parametrize("name", ["_call", "_pairs", "__class__", "__self__", "__dict__", "__slots__", "__func__"])
@pytest.mark.parametrize(
    "thing", ["ctx.http", "ctx.http.get", "ctx.http.get(ctx.base)", "ctx.http.get(ctx.base).headers"]
)
def test_nothing_leads_out(thing: str, name: str) -> None:
    with pytest.raises(Refused):
        run(f"return {thing}.{name}")
    with pytest.raises(AttributeError):
        run(f"return getattr({thing}, {name!r})")


@pytest.mark.parametrize("name", ["get", "status", "headers", "new"])
def test_nothing_can_be_changed(name: str) -> None:
    for thing in ("ctx.http", "ctx.http.get(ctx.base)", "ctx.http.get(ctx.base).headers"):
        with pytest.raises(TypeError, match="can't be changed here"):
            run(f"{thing}.{name} = 1")


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        ("text/plain", "\ufffdé"),
        ("text/plain; charset=ISO-8859-1", "éÃ©"),
        ('text/plain; Charset="windows-1252"', "éÃ©"),
        ("text/plain; charset=unicode_escape", "\ufffdé"),
        ("text/plain; charset=", "\ufffdé"),
    ],
)
def test_text_is_decoded_as_the_answer_says(content_type: str, expected: str) -> None:
    with serving(says(200, b"\xe9\xc3\xa9", f"Content-Type: {content_type}")) as server, context(server.port) as ctx:
        assert ctx.http.get(ctx.base).text == expected
