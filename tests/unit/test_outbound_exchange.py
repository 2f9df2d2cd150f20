"""Answers as bytes, from a peer that may send anything."""

import contextlib
import gzip
import http.client
import socket
import threading
import time
import tracemalloc
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from picloud.outbound.deadline import Deadline
from picloud.outbound.errors import OutboundFailed
from picloud.outbound.exchange import Answer, exchange
from picloud.outbound.limits import OutboundLimits
from picloud.outbound.request import Request
from picloud.outbound.target import parse_url

MIB = 1024 * 1024
LIMITS = OutboundLimits(response_max_bytes=100_000)
OK = b"HTTP/1.1 200 OK\r\n"
TOO_LARGE = "length until-end chunked tiny-chunks chunk-line trailers header headers status continues gzip"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


def zipped(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


def answer_to(raw: bytes, method: str = "GET", limits: OutboundLimits = LIMITS) -> Answer:
    """The peer sends `raw`, closes its side and reads nothing."""
    ours, theirs = socket.socketpair()
    request = Request(method, parse_url("http://example.com/"), (), b"")
    sender = threading.Thread(target=send_all, args=(theirs, raw))
    sender.start()
    try:
        return exchange(ours, request, limits, Deadline(time.monotonic() + 30))
    finally:
        ours.close()
        sender.join()


def send_all(sock: socket.socket, raw: bytes) -> None:
    with sock, contextlib.suppress(OSError):
        sock.sendall(raw)
        sock.shutdown(socket.SHUT_WR)
        while sock.recv(65_536):
            pass


def with_length(body: bytes, *headers: bytes) -> bytes:
    return b"\r\n".join([OK + b"Content-Length: %d" % len(body), *headers, b"", body])


def test_with_a_length() -> None:
    assert answer_to(with_length(b"hello") + b"more").body == b"hello"


def test_until_the_end() -> None:
    assert answer_to(b"HTTP/1.0 200\r\n\r\nhello").body == b"hello"


def test_chunked() -> None:
    answer = answer_to(CHUNKED + b"5;x=y\r\nhello\r\n1\r\n!\r\n0\r\nTrailer: 1\r\n\r\n")
    assert answer == Answer(200, (), b"hello!")


def test_head_has_no_body() -> None:
    raw = OK + b"Content-Length: 1000\r\nContent-Encoding: gzip\r\n\r\n"
    assert answer_to(raw, "HEAD") == Answer(200, (("Content-Length", "1000"), ("Content-Encoding", "gzip")), b"")


def test_continue_is_skipped() -> None:
    assert answer_to(b"HTTP/1.1 100 Continue\r\n\r\n" + with_length(b"x")).body == b"x"


@pytest.mark.parametrize("name", [b"gzip", b"X-GZIP"])
def test_gzip_is_undone_and_its_headers_go(name: bytes) -> None:
    answer = answer_to(with_length(zipped(b"hello"), b"Content-Encoding: " + name, b"X: 1"))
    assert answer == Answer(200, (("X", "1"),), b"hello")


def test_gzip_of_several_members() -> None:
    raw = with_length(zipped(b"a" * 20_000) + zipped(b"") + zipped(b"b"), b"Content-Encoding: gzip")
    assert answer_to(raw).body == b"a" * 20_000 + b"b"


def test_another_encoding_is_left_as_it_is() -> None:
    raw = with_length(zlib.compress(b"hello"), b"Content-Encoding: deflate")
    answer = answer_to(raw)
    assert zlib.decompress(answer.body) == b"hello"
    assert ("Content-Encoding", "deflate") in answer.headers


def test_headers_as_they_came_but_those_of_the_connection() -> None:
    raw = with_length(
        b"", b"Set-Cookie: a=1", b"Set-Cookie: b=2", b"X: a\r\n  b", b"Connection: close", b"Keep-Alive: 5"
    )
    headers = (("Content-Length", "0"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("X", "a b"))
    assert answer_to(raw).headers == headers


def test_a_redirects_body_is_not_read() -> None:
    raw = b"HTTP/1.1 302 Found\r\nLocation: /\xc3\xbc\r\nContent-Length: 999999999\r\n\r\n"
    assert answer_to(raw).location == "/ü"


def test_300_and_a_redirect_that_leads_nowhere_are_answers() -> None:
    assert answer_to(b"HTTP/1.1 300 Choose\r\nLocation: /x\r\nContent-Length: 1\r\n\r\nx").location is None
    assert answer_to(b"HTTP/1.1 302 Found\r\nContent-Length: 1\r\n\r\nx").body == b"x"


@pytest.mark.parametrize(
    "raw",
    [
        with_length(b"x" * 100_001),
        OK + b"\r\n" + b"x" * 100_001,
        CHUNKED + b"186a1\r\n" + b"x" * 100_001 + b"\r\n0\r\n\r\n",
        CHUNKED + b"1\r\nx\r\n" * 100_000,
        CHUNKED + b"1;" + b"x" * 1_000_000,
        CHUNKED + b"0\r\n" + b"a: b\r\n" * 100_000,
        OK + b"A: " + b"x" * 40_000 + b"\r\n\r\n",
        OK + b"A: b\r\n" * 1_000,
        b"HTTP/1.1 " + b"x" * 1_000_000,
        b"HTTP/1.1 100 Continue\r\n\r\n" * 100_000,
        with_length(zipped(b"\0" * 100_001), b"Content-Encoding: gzip"),
    ],
    ids=TOO_LARGE.split(),
)
def test_too_large(raw: bytes) -> None:
    with pytest.raises((OutboundFailed, http.client.HTTPException)):
        answer_to(raw)


def test_a_bomb_is_noticed_before_it_goes_off() -> None:
    bomb = zipped(b"\0" * 64 * MIB)
    raw = with_length(bomb, b"Content-Encoding: gzip")
    limits = OutboundLimits()
    assert len(raw) < limits.response_max_bytes
    tracemalloc.start()
    with pytest.raises(OutboundFailed, match="larger than 1048576 bytes"):
        answer_to(raw, limits=limits)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 8 * MIB


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"HTTP",
        b"hello\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\n\r\n",
        OK + b"Content-Length: 5\r\n\r\nhell",
        CHUNKED + b"5\r\nhel",
        CHUNKED + b"5\r\nhello\r\n",
        CHUNKED + b"zz\r\nhello\r\n",
        with_length(zipped(b"hello")[:-3], b"Content-Encoding: gzip"),
        with_length(b"hello", b"Content-Encoding: gzip"),
        with_length(zipped(b"hello") + b"garbage", b"Content-Encoding: gzip"),
    ],
)
def test_broken(raw: bytes) -> None:
    with pytest.raises((OutboundFailed, http.client.HTTPException)):
        answer_to(raw)


PARTS = st.sampled_from(
    [
        *(
            OK,
            CHUNKED,
            b"\r\n",
            b"\n",
            b"HTTP/1.1 302 Found\r\nLocation: ",
            b"Content-Length: 3\r\n",
            b"5\r\nhello\r\n",
        ),
        *(
            b"Content-Length: -1\r\n",
            b"Content-Encoding: gzip\r\n",
            zipped(b"x"),
            b"0\r\n\r\n",
            b": ",
            b" ",
            b"\0",
        ),
        b"Transfer-Encoding: chunked\r\n",
    ]
)


@settings(max_examples=150, deadline=None)
@given(st.lists(PARTS | st.binary(max_size=5), max_size=12).map(b"".join))
def test_any_bytes_are_an_answer_or_a_declared_error(raw: bytes) -> None:
    try:
        answer = answer_to(raw)
    except (OutboundFailed, http.client.HTTPException, OSError):
        return
    assert len(answer.body) <= LIMITS.response_max_bytes


def test_the_request_as_it_is_sent() -> None:
    ours, theirs = socket.socketpair()
    theirs.sendall(with_length(b"x"))
    request = Request("POST", parse_url("http://example.com:8080/a?b=c"), (("X", "\xe9"),), b"hello")
    with ours, theirs:
        exchange(ours, request, LIMITS, Deadline(time.monotonic() + 30))
        head, _, body = theirs.recv(65_536).partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[:3] == [b"POST /a?b=c HTTP/1.1", b"Host: example.com:8080", b"Connection: close"]
    assert b"Content-Length: 5" in lines
    assert b"X: \xe9" in lines
    assert body == b"hello"
