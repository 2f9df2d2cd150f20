import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from picloud.outbound.errors import OutboundRefused
from picloud.outbound.hosts import normal_host
from picloud.outbound.target import Target, parse_url

BASE = Target("https", "a.example.com", 443, "/dir/page?q=1")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://example.com", ("http", "example.com", 80, "/")),
        ("HTTPS://EXAMPLE.com./a?b=c#d", ("https", "example.com", 443, "/a?b=c")),
        ("https://example.com:8443/", ("https", "example.com", 8443, "/")),
        ("https://example.com:/", ("https", "example.com", 443, "/")),
        ("https://example.com?x", ("https", "example.com", 443, "/?x")),
        ("https://example.com/a b/ü?q=ü [1]", ("https", "example.com", 443, "/a%20b/%C3%BC?q=%C3%BC%20%5B1%5D")),
        ("https://example.com/%2F%zz", ("https", "example.com", 443, "/%2F%zz")),
        ("https://bücher.example/", ("https", "xn--bcher-kva.example", 443, "/")),
        ("https://BÜCHER\u3002example\uff0e/", ("https", "xn--bcher-kva.example", 443, "/")),
        ("https://xn--bcher-kva.example/", ("https", "xn--bcher-kva.example", 443, "/")),
        ("https://my_bucket.example.com/", ("https", "my_bucket.example.com", 443, "/")),
    ],
)
def test_read(url: str, expected: tuple[str, str, int, str]) -> None:
    target = parse_url(url)
    assert (target.scheme, target.host, target.port, target.path) == expected
    assert parse_url(target.url) == target


def test_params_join_the_query() -> None:
    assert parse_url("http://e.com/a?b=1", "c=2").path == "/a?b=1&c=2"
    assert parse_url("http://e.com/a", "c=2").path == "/a?c=2"


@pytest.mark.parametrize("scheme", ["ftp", "file", "gopher", "dict", "unix", "javascript", "ws", ""])
def test_only_http_and_https(scheme: str) -> None:
    with pytest.raises(OutboundRefused, match="http://"):
        parse_url(f"{scheme}://example.com/")


ADDRESSES = (
    "127.0.0.1 127.1 127.0.1 2130706433 017700000001 0177.0.0.1 0x7f000001 0x7f.0.0.1 0x7F.1 127.0.0.1. 1.2.3.4 8.8.8.8 "
    "0 0x 0x7f.0x1 example.0x7f 1.2.3.08 [::1] [::1]:80 [::ffff:127.0.0.1] [fe80::1%25eth0] [::] ::1 "
    "\uff11\uff12\uff17.0.0.1 127\u30020\u30020\u30021 \u2460.\u2461.\u2462.\u2463 ⑯⑨。②⑤④。⑯⑨。②⑤④"
)


@pytest.mark.parametrize("host", ADDRESSES.split())
def test_an_address_is_no_host_name_in_any_spelling(host: str) -> None:
    with pytest.raises(OutboundRefused) as refused:
        parse_url(f"http://{host}/")
    assert refused.value.type == "ValueError"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "//example.com/",
        "http://",
        "http:///path",
        "http://:80/",
        "http://./",
        "http://a..b/",
        "http://-a.com/",
        "http://a-.com/",
        "http://exa mple.com/",
        "http://ex%61mple.com/",
        "http://example.com%00.evil.com/",
        "http://user@example.com/",
        "http://user:secret@example.com/",
        "http://good.com@evil.com/",
        "http://good.com\\@evil.com/",
        "http://good.com\\.evil.com/",
        "http:\\\\example.com/",
        "http://example.com:0/",
        "http://example.com:65536/",
        "http://example.com:8o/",
        "http://example.com:80:80/",
        "http://example.com:+80/",
        "http://example.com:\uff18\uff10/",
        "http://example.com/\r\nHost: evil.com",
        "http://example.com/\tx",
        "http://exam\nple.com/",
        "http://example.com/\x00",
        " http://example.com/",
        "http://example.com/ ",
        "http://[::1",
        "http://[v1.x]/",
        "http://ex\u2100mple.com/",
        "http://fa\u00df.de/",
        "http://a\u200db.com/",
        "http://a\ud800.com/",
        "http://a.com/\ud800",
        "http://" + "a" * 64 + ".com/",
        "http://" + "a." * 130 + "com/",
        "http://a.com/" + "x" * 9_000,
        "http://a.com/" + "ü" * 5_000,
    ],
)
def test_refused(url: str) -> None:
    with pytest.raises(OutboundRefused) as refused:
        parse_url(url)
    assert refused.value.type == "ValueError"
    assert len(refused.value.message) < 200


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("/x", "https://a.example.com/x"),
        ("x?y", "https://a.example.com/dir/x?y"),
        ("?z", "https://a.example.com/dir/page?z"),
        ("//b.example.com/x", "https://b.example.com/x"),
        ("http://c.example.com:8080", "http://c.example.com:8080/"),
        ("/ü", "https://a.example.com/%C3%BC"),
        ("../../..", "https://a.example.com/"),
    ],
)
def test_locations(location: str, url: str) -> None:
    assert BASE.joined(location).url == url


@pytest.mark.parametrize(
    "location", ["\\\\evil.com", "http://127.0.0.1/", "file:///etc/passwd", "//[", "//a@b/", "x\n"]
)
def test_refused_locations(location: str) -> None:
    with pytest.raises(OutboundRefused):
        BASE.joined(location)


PIECES = (
    "http https :// // / \\ @ : . .. # ? % %2e %00 [ ] [:: ::1] 127.0.0.1 0x7f 1 localhost a.example -- xn-- xn--a ü ß "
    "\u017f \u3002 \uff0f \u2100 \u200d \ud800 \r\n \t \x00 \x7f :80 :99999 user:pw@ ; & = + ~"
)
URLS = st.one_of(st.text(), st.lists(st.sampled_from(PIECES.split(" ")) | st.text(max_size=3)).map("".join))


@given(URLS.map(lambda rest: "http://" + rest) | URLS)
@example("http://\u2260/")
def test_any_text_is_a_clean_target_or_refused(url: str) -> None:
    try:
        target = parse_url(url)
    except OutboundRefused:
        return
    assert re.fullmatch(r"[a-z0-9_.-]{1,253}", target.host)
    assert normal_host(target.host) == target.host
    assert not target.host.split(".")[-1].isdigit()
    assert re.fullmatch(r"/[!-~]*", target.path)
    assert 1 <= target.port <= 65_535
    assert parse_url(target.url) == target


@given(URLS)
def test_any_location_is_a_clean_target_or_refused(location: str) -> None:
    try:
        target = BASE.joined(location)
    except OutboundRefused:
        return
    assert parse_url(target.url) == target
