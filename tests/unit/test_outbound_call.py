import base64
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picloud import __version__
from picloud.outbound.call import make_request, read_call
from picloud.outbound.errors import OutboundRefused
from picloud.outbound.limits import OutboundLimits
from picloud.outbound.request import Request
from picloud.outbound.target import parse_url

OURS = (
    "Host Content-Length Connection Keep-Alive TE Trailer Transfer-Encoding Upgrade Expect Proxy-Authorization "
    "proxy-connection hOsT"
)
LIMITS = OutboundLimits(request_max_bytes=100, headers_max=5, headers_max_bytes=200)


def made(**changes: Any) -> Request:
    return make_request(read_call({"method": "GET", "url": "https://example.com/x"} | changes), LIMITS)


def sent(request: Request) -> dict[str, str]:
    headers = dict(request.all_headers())
    assert len(headers) == len(request.all_headers())
    return headers


def refusal(**changes: Any) -> str:
    with pytest.raises(OutboundRefused) as refused:
        made(**changes)
    assert refused.value.type == "ValueError"
    return refused.value.message


def test_a_plain_get() -> None:
    assert sent(made()) == {
        "Host": "example.com",
        "Connection": "close",
        "User-Agent": f"PiCloud/{__version__}",
        "Accept": "*/*",
        "Accept-Encoding": "gzip",
    }


def test_params() -> None:
    params = {"a": "ü&", "n": 1, "f": 1.5, "yes": True, "none": None, "many": ["x", 2, None, False]}
    assert made(params=params).target.path == "/x?a=%C3%BC%26&n=1&f=1.5&yes=true&many=x&many=2&many=false"


@pytest.mark.parametrize(
    ("given_body", "content", "content_type"),
    [
        ({"json": {"a": [1, None]}}, b'{"a":[1,null]}', "application/json"),
        ({"json": None}, b"null", "application/json"),
        ({"text": "ü"}, "ü".encode(), "text/plain; charset=utf-8"),
        ({"text": ""}, b"", "text/plain; charset=utf-8"),
        ({"form": {"a": "b c", "d": ["1", "2"]}}, b"a=b+c&d=1&d=2", "application/x-www-form-urlencoded"),
        ({"body_base64": base64.b64encode(b"\0\xff").decode()}, b"\0\xff", None),
    ],
)
def test_bodies(given_body: dict[str, Any], content: bytes, content_type: str | None) -> None:
    request = made(method="POST", **given_body)
    assert request.body == content
    assert sent(request).get("Content-Type") == content_type
    assert sent(request)["Content-Length"] == str(len(content))


def test_a_handlers_header_replaces_a_default() -> None:
    request = made(method="post", json=1, headers={"content-type": "application/ld+json", "user-agent": "x"})
    headers = sent(request)
    assert headers["content-type"] == "application/ld+json"
    assert headers["user-agent"] == "x"
    assert "Content-Type" not in headers
    assert "User-Agent" not in headers


def test_post_without_a_body_says_so() -> None:
    assert sent(made(method="POST"))["Content-Length"] == "0"
    assert "Content-Length" not in sent(made(method="DELETE"))


@pytest.mark.parametrize("name", OURS.split())
def test_headers_that_are_ours(name: str) -> None:
    assert name in refusal(headers={name: "x"})


@pytest.mark.parametrize("name", ["", "a b", "a:", "a\r\nb", "ü", "a\0", "a\n", " a"])
def test_malformed_header_names(name: str) -> None:
    assert "header" in refusal(headers={name: "x"})


@pytest.mark.parametrize("value", ["a\r\nEvil: 1", "a\nb", "a\rb", "a\0b", "a\x7fb", "\u20ac", "a\r\n"])
def test_malformed_header_values(value: str) -> None:
    assert "header" in refusal(headers={"X": value})


@pytest.mark.parametrize("headers", [{"a": "x", "A": "y"}, {f"h{n}": "" for n in range(6)}, {"a": "x" * 200}])
def test_too_many_headers(headers: dict[str, str]) -> None:
    assert "header" in refusal(headers=headers)


@pytest.mark.parametrize(
    "method", ["CONNECT", "trace", "TRACK", "", "G T", "GET\r\n", "GET /", "\u017f", "X" * 21, "1"]
)
def test_refused_methods(method: str) -> None:
    assert "method" in refusal(method=method)


@pytest.mark.parametrize(
    "changes",
    [
        {"unknown": 1},
        {"url": 1},
        {"url": None},
        {"headers": {"a": 1}},
        {"headers": [["a", "b"]]},
        {"params": {"a": {}}},
        {"params": "a=b"},
        {"timeout_s": 0},
        {"timeout_s": -1},
        {"timeout_s": math.nan},
        {"timeout_s": "1"},
        {"json": 1, "text": ""},
        {"form": {}, "body_base64": ""},
        {"body_base64": "a"},
        {"body_base64": "ü"},
        {"text": "x" * 101},
        {"json": "x" * 100},
        {"text": "\ud800"},
        {"form": {"a": "\ud800"}},
        {"params": {"a": "\ud800"}},
        {"params": {"a": 10**5000}},
        {"json": object()},
    ],
)
def test_malformed_calls(changes: dict[str, Any]) -> None:
    assert refusal(method="POST", **changes)


def test_a_body_nested_too_deeply() -> None:
    nested: list[Any] = []
    for _ in range(100_000):
        nested = [nested]
    assert refusal(json=nested)


def test_missing_arguments() -> None:
    for args in ({}, {"method": "GET"}, {"url": "http://a.com"}):
        with pytest.raises(OutboundRefused):
            read_call(args)


@pytest.mark.parametrize(
    ("status", "method", "expected"),
    [
        (301, "POST", "GET"),
        (302, "POST", "GET"),
        (301, "PUT", "PUT"),
        (302, "DELETE", "DELETE"),
        (303, "PUT", "GET"),
        (303, "HEAD", "HEAD"),
        (301, "HEAD", "HEAD"),
        (307, "POST", "POST"),
        (308, "PATCH", "PATCH"),
    ],
)
def test_methods_after_a_redirect(status: int, method: str, expected: str) -> None:
    request = made(method=method, text="body", headers={"X": "1", "Content-Language": "de"})
    after = request.redirected(status, parse_url("https://example.com/y"))
    assert after.method == expected
    kept = method == expected
    assert after.body == (b"body" if kept else b"")
    assert {"Content-Type", "Content-Language"} & sent(after).keys() == (
        {"Content-Type", "Content-Language"} if kept else set()
    )
    assert sent(after)["X"] == "1"


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://example.com/other", True),
        ("https://other.example.com/", False),
        ("http://example.com/x", False),
        ("https://example.com:8443/x", False),
    ],
)
def test_credentials_stay_with_their_origin(url: str, kept: bool) -> None:
    request = made(headers={"authorization": "Bearer x", "COOKIE": "a=b", "X": "1"})
    after = sent(request.redirected(307, parse_url(url)))
    assert ("authorization" in after, "COOKIE" in after, "X" in after) == (kept, kept, True)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(["method", "url", "headers", "params", "json", "text", "form", "body_base64", "timeout_s"])


@given(st.dictionaries(NAMES | st.text(), JSON, max_size=6))
def test_any_arguments_are_a_request_or_refused(args: dict[str, Any]) -> None:
    try:
        request = make_request(read_call({"method": "GET", "url": "http://a.com/"} | args), LIMITS)
    except OutboundRefused:
        return
    assert len(request.body) <= LIMITS.request_max_bytes
    for name, value in request.all_headers():
        assert not set(name + value) & set("\r\n\0")
