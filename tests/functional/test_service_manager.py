"""What `picloud serve` tells systemd, over a real socket of the kind that systemd listens on."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from picloud.cli.service_manager import ServiceManager
from tests.functional.serving import Serving
from tests.pace import PATIENCE

pytestmark = pytest.mark.xdist_group("service_manager")
PATIENCE_S = 60 * PATIENCE


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(PATIENCE_S)
        yield listening


def heard(manager: socket.socket) -> str:
    return manager.recv(4096).decode().partition("\n")[0]


def test_it_says_when_it_serves_that_it_lives_and_when_it_stops(manager: socket.socket, tmp_path: Path) -> None:
    server = Serving(tmp_path, NOTIFY_SOCKET=manager.getsockname(), WATCHDOG_USEC="300000")
    server.start()
    try:
        assert heard(manager) == "READY=1"
        assert server.is_ready()
        assert [heard(manager) for _ in range(3)] == ["WATCHDOG=1"] * 3
        assert server.stop() == 0
        said = heard(manager)
        while said == "WATCHDOG=1":
            said = heard(manager)
        assert said == "STOPPING=1"
    finally:
        server.end()


def test_another_process_watchdog_is_not_ours() -> None:
    given = {"NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": "1000000"}
    assert ServiceManager(given).watchdog_s == 1
    assert ServiceManager(given | {"WATCHDOG_PID": str(os.getpid() + 1)}).watchdog_s is None
    assert ServiceManager({}).watchdog_s is None


def test_an_abstract_address_is_understood() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind("")
        listening.settimeout(PATIENCE_S)
        ServiceManager({"NOTIFY_SOCKET": "@" + listening.getsockname()[1:].decode()}).stopping()
        assert heard(listening) == "STOPPING=1"
