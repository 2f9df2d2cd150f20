import pytest
from hypothesis import given
from hypothesis import strategies as st

from picloud.outbound.allow import check_allowed, parse_entry
from picloud.outbound.errors import OutboundRefused
from picloud.outbound.target import parse_url


def test_nothing_listed_means_off() -> None:
    with pytest.raises(OutboundRefused, match="off for this app: put the hosts"):
        check_allowed(parse_url("https://example.com/"), [])


def test_the_refusal_names_the_host_and_the_list() -> None:
    with pytest.raises(OutboundRefused, match=r"^api\.example\.com is not in this app's http_allow$"):
        check_allowed(parse_url("https://api.example.com/"), ["example.com"])
    with pytest.raises(OutboundRefused, match=r"^example\.com:8080 is not in"):
        check_allowed(parse_url("https://example.com:8080/"), ["example.com"])


@pytest.mark.parametrize(
    ("url", "entry"),
    [
        ("http://example.com/", "example.com"),
        ("https://example.com/", "example.com"),
        ("https://EXAMPLE.com./", " Example.COM. "),
        ("https://bücher.example/", "xn--bcher-kva.example"),
        ("https://xn--bcher-kva.example/", "BÜCHER.example"),
        ("https://a.example.com/", "*.example.com"),
        ("https://a.b.example.com/", "*.example.com"),
        ("https://example.com:8443/", "example.com:8443"),
        ("https://a.example.com:8443/", "*.example.com:8443"),
    ],
)
def test_allowed(url: str, entry: str) -> None:
    check_allowed(parse_url(url), ["other.example", entry])


@pytest.mark.parametrize(
    ("url", "entry"),
    [
        ("https://example.com/", "*.example.com"),
        ("https://evilexample.com/", "*.example.com"),
        ("https://example.com.evil.com/", "example.com"),
        ("https://example.com.evil.com/", "*.example.com"),
        ("https://sub.example.com/", "example.com"),
        ("https://example.com:8443/", "example.com"),
        ("https://example.com/", "example.com:8443"),
        ("https://example.com/", "*"),
        ("https://example.com/", "*.*"),
        ("https://example.com/", "*.com.*"),
        ("https://example.com/", "https://example.com"),
        ("https://example.com/", "example.com/"),
        ("https://example.com/", ""),
        ("https://example.com/", "."),
        ("https://example.com/", "example.*"),
    ],
)
def test_not_allowed(url: str, entry: str) -> None:
    with pytest.raises(OutboundRefused) as refused:
        check_allowed(parse_url(url), [entry])
    assert refused.value.type == "PermissionError"


@pytest.mark.parametrize(
    "entry", ["", "*", "https://a.com", "a.com/x", "a.com:", "a.com:x", "a.com:0", "10.0.0.1", "[::1]", "*a.com", "a b"]
)
def test_an_entry_that_cannot_be_read_says_so(entry: str) -> None:
    with pytest.raises(OutboundRefused) as refused:
        parse_entry(entry)
    assert refused.value.type == "ValueError"


@given(st.text() | st.from_regex(r"(\*\.)?[a-z0-9.]{0,20}(:[0-9]{0,6})?", fullmatch=True))
def test_any_entry_is_read_or_refused(entry: str) -> None:
    try:
        parsed = parse_entry(entry)
    except OutboundRefused:
        return
    assert parsed.host
    assert parsed.ports
