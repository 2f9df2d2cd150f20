"""What is refused is refused before anything is sent: no look-up, no connection."""

import socket
import sys
import threading
import time
from collections.abc import Sequence
from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picloud.outbound import lookup
from picloud.outbound.address import IpAddress, is_public
from picloud.outbound.client import Client, OutboundLimits, fetch
from picloud.outbound.deadline import Deadline
from picloud.outbound.dialer import Dialer
from picloud.outbound.errors import OutboundError, OutboundFailed, OutboundRefused
from picloud.outbound.target import parse_url

SEEN: list[str] = []
OTHERS: set[int | None] = set()
"""Threads that other tests have left behind."""
TARGET = parse_url("http://example.com/")


def _watch(event: str, args: tuple[Any, ...]) -> None:
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto") and threading.get_ident() not in OTHERS:
        SEEN.append(event)


sys.addaudithook(_watch)


@pytest.fixture(autouse=True, scope="module")
def _others() -> None:
    OTHERS.update(thread.ident for thread in threading.enumerate() if thread is not threading.main_thread())


def patience() -> Deadline:
    return Deadline(time.monotonic() + 30)


def get(url: str, *allow: str) -> dict[str, Any]:
    call = {"method": "GET", "url": url}
    return fetch(call, allow=allow, limits=OutboundLimits(), deadline_s=time.monotonic() + 30)


def test_the_watch_sees_what_it_should() -> None:
    SEEN.clear()
    with socket.socket() as server, socket.socket() as sock:
        server.bind(("127.0.0.1", 0))
        server.listen()
        sock.connect(server.getsockname())
    assert SEEN == ["socket.connect"]


@given(
    bad=st.ip_addresses().filter(lambda address: not is_public(address)),
    good=st.lists(st.sampled_from([ip_address("1.1.1.1"), ip_address("2606:4700::1111")]), max_size=3),
    place=st.integers(0, 3),
)
def test_one_bad_address_among_good_ones_is_refused(bad: IpAddress, good: list[IpAddress], place: int) -> None:
    SEEN.clear()
    addresses = [*good[:place], bad, *good[place:]]
    with pytest.raises(OutboundRefused, match=r"^example\.com has an address that is not public"):
        Dialer(resolve=lambda host, deadline: addresses).dial(TARGET, patience())
    assert SEEN == []


PIECES = "http https :// / \\ @ : . # ? % [ ] ::1 127.0.0.1 2130706433 0x7f.1 localhost evil.example :80 user@ \r\n ü"


@given(st.lists(st.sampled_from(PIECES.split(" ")) | st.text(max_size=3)).map("".join))
def test_what_is_not_allowed_is_not_even_looked_up(rest: str) -> None:
    for url in (rest, f"http://{rest}", f"http://good.test@{rest}", f"http://good.test{rest}x"):
        SEEN.clear()
        with pytest.raises(OutboundError):
            get(url, "good.test:1234", "127.0.0.1", "::1")
        assert SEEN == []


def test_off_without_an_allow_list() -> None:
    SEEN.clear()
    with pytest.raises(OutboundRefused, match=r"ctx\.http is off"):
        get("http://localhost/")
    assert SEEN == []


def test_the_box_itself_is_refused_though_it_is_allowed() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        server.setblocking(False)
        place = f"localhost:{server.getsockname()[1]}"
        with pytest.raises(OutboundRefused, match="localhost has an address that is not public") as refused:
            get(f"http://{place}/", place)
        assert refused.value.type == "PermissionError"
        with pytest.raises(BlockingIOError):
            server.accept()


def test_a_name_is_resolved_once_for_a_connection() -> None:
    """The second answer of a rebinding name server is never asked for."""
    answers = iter([[ip_address("127.0.0.1")]])
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        target = parse_url(f"http://rebinding.example:{server.getsockname()[1]}/")
        dialer = Dialer(lambda address: True, lambda host, deadline: next(answers))
        with dialer.dial(target, patience()) as sock:
            assert sock.getpeername() == server.getsockname()


def test_the_next_address_is_tried() -> None:
    addresses = [ip_address("127.0.0.2"), ip_address("::1"), ip_address("127.0.0.1")]
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        target = parse_url(f"http://example.com:{server.getsockname()[1]}/")
        with Dialer(lambda address: True, lambda host, deadline: addresses).dial(target, patience()) as sock:
            assert sock.getpeername() == server.getsockname()
        with pytest.raises(OutboundFailed, match=r"example\.com can't be connected to: Connection refused"):
            Dialer(lambda address: True, lambda host, deadline: addresses[:1]).dial(target, patience())


def test_no_address_at_all() -> None:
    none: Sequence[IpAddress] = []
    with pytest.raises(OutboundFailed, match="has no address"):
        Dialer(resolve=lambda host, deadline: none).dial(TARGET, patience())


def test_look_up_gives_every_address() -> None:
    assert ip_address("127.0.0.1") in lookup.look_up("localhost", patience())


def test_a_name_that_does_not_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **options: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(OutboundFailed, match=r"the name nowhere\.example could not be resolved") as failed:
        get("http://nowhere.example/", "nowhere.example")
    assert failed.value.type == "OSError"


def test_a_resolver_that_hangs_is_left_behind_and_only_its_domain_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    answered = threading.Event()
    asked: list[bytes] = []

    def hang(host: bytes, *args: object, **options: object) -> list[Any]:
        asked.append(host)
        if host.endswith(b"slow.example"):
            answered.wait(60)
        return [(None, None, None, None, ("127.0.0.1", 0))]

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    names = (f"other{number}.example" for number in range(1_000))
    other = next(name for name in names if lookup.slots_of(name) is not lookup.slots_of("slow.example"))
    try:
        waited = 0
        while len(asked) < lookup.DOMAIN_SLOTS or waited < lookup.DOMAIN_SLOTS + 3:
            with pytest.raises(OutboundFailed) as failed:
                lookup.look_up(f"n{waited}.slow.example", Deadline(time.monotonic() + 0.05))
            assert failed.value.type == "TimeoutError"
            waited += 1
        assert len(asked) == lookup.DOMAIN_SLOTS
        assert lookup.look_up(other, patience()) == [ip_address("127.0.0.1")]
    finally:
        answered.set()
    assert lookup.look_up("slow.example", patience()) == [ip_address("127.0.0.1")]


def test_no_time_left_means_nothing_is_done() -> None:
    SEEN.clear()
    call = {"method": "GET", "url": "http://example.com/"}
    with pytest.raises(OutboundFailed) as failed:
        Client().fetch(call, allow=["example.com"], limits=OutboundLimits(), deadline_s=time.monotonic() - 1)
    assert failed.value.type == "TimeoutError"
    assert SEEN == []
