import os
import shutil
import subprocess
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tests.box.admin import DOMAIN, PICLOUD, SECRET, Admin
from tests.box.base import base_folder, check_here, wheels
from tests.box.machine import Machine, NotHere

AUTOSTART = "etc/systemd/system/multi-user.target.wants/postgresql.service"


@contextmanager
def booted(tmp_path_factory: pytest.TempPathFactory, *, postgresql: bool) -> Iterator[Machine]:
    """A machine with PiCloud installed in /opt/picloud, as the README has it, and not set up. Off the network."""
    base = tmp_path_factory.getbasetemp()
    folder = tmp_path_factory.mktemp("box") / "disk"
    machine = Machine(folder)
    try:
        check_here()
        subprocess.run(["cp", "-a", "--reflink=auto", base_folder(), folder], check=True)
        shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
        shutil.copytree(wheels(shared / "wheels"), folder / "wheels")
        _without_network(folder)
        if not postgresql:
            (folder / AUTOSTART).unlink()
        machine.try_boot()
    except NotHere as why:
        pytest.skip(str(why))
    machine.run("python3", "-m", "venv", "/opt/picloud")
    machine.run("/opt/picloud/bin/pip", "install", "--quiet", "--no-index", "--find-links", "/wheels", "picloud")
    yield machine
    machine.cut_power()
    shutil.rmtree(folder)


class OneMachineEach(LoadScopeScheduling):  # type: ignore[misc]
    """The parts have a machine of their own; the other files share one, in their order."""

    def _split_scope(self, nodeid: str) -> str:
        return "parts" if "/test_parts.py" in nodeid else "box"


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> OneMachineEach:
    return OneMachineEach(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Why no machine can be booted is said once, not for each test."""
    report = yield
    if report.skipped and isinstance(report.longrepr, tuple):
        report.longrepr = (str(Path(__file__).parent), 0, report.longrepr[2])
    return report


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with booted(tmp_path_factory, postgresql=False) as machine:
        yield machine


@pytest.fixture(scope="session")
def set_up(machine: Machine) -> str:
    """What `picloud init` said."""
    return machine.run(PICLOUD, "init", "--non-interactive", "--domain", DOMAIN, "--local-certificates")


@pytest.fixture(scope="session")
def box(machine: Machine, set_up: str) -> Machine:
    """PiCloud is set up, in one process with a PostgreSQL of its own."""
    return machine


@pytest.fixture(scope="session")
def admin(box: Machine) -> Admin:
    return Admin(box).with_shop()


@pytest.fixture(scope="session")
def inbound_url(admin: Admin) -> str:
    return admin.email_trigger(SECRET)


@pytest.fixture(scope="session")
def other_machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """With a PostgreSQL that the system runs."""
    with booted(tmp_path_factory, postgresql=True) as machine:
        yield machine


def _without_network(folder: Path) -> None:
    """Names lead to the machine itself."""
    (folder / "etc" / "hosts").write_text(f"127.0.0.1 localhost {DOMAIN} shop.test\n")
