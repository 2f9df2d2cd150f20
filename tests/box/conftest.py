import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.box.machine import Machine, base_folder, build_wheels, missing_programs

DOMAIN = "box.test"


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A booted machine with PiCloud's wheels in /wheels, and nothing of it installed. Off the network."""
    if missing := missing_programs():
        pytest.skip(f"not installed: {', '.join(missing)}")
    if os.geteuid() != 0:
        pytest.skip("only root boots a machine")
    folder = tmp_path_factory.mktemp("box") / "disk"
    subprocess.run(["cp", "-a", "--reflink=auto", base_folder(), folder], check=True)
    build_wheels(folder / "wheels")
    _without_network(folder)
    machine = Machine(folder)
    machine.boot()
    yield machine
    machine.halt()
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def box(machine: Machine) -> Machine:
    """PiCloud is installed, by the commands of the README."""
    machine.run("python3", "-m", "venv", "/opt/picloud")
    machine.run("/opt/picloud/bin/pip", "install", "--quiet", "--no-index", "--find-links", "/wheels", "picloud")
    machine.run("/opt/picloud/bin/picloud", "init", "--non-interactive", "--domain", DOMAIN, "--local-certificates")
    return machine


def _without_network(folder: Path) -> None:
    """Names lead to the machine itself."""
    (folder / "etc" / "hosts").write_text(f"127.0.0.1 localhost {DOMAIN} shop.test\n")
