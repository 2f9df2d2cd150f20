"""The units that systemd runs PiCloud by, as `systemd-analyze` judges them, and what must stand in them."""

import re
import shutil
import subprocess
from configparser import RawConfigParser
from pathlib import Path

import pytest

UNITS = Path(__file__).parents[2] / "etc" / "systemd"
EXPOSURE = {
    "picloud.service": 2.6,
    "picloud-executor.service": 2.6,
    "picloud-manager.service": 1.6,
    "picloud-orchestrator.service": 1.6,
}


def lines(unit: str) -> list[str]:
    return [line for line in (UNITS / unit).read_text().splitlines() if line and not line.startswith("#")]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd")
@pytest.mark.parametrize(("unit", "most"), EXPOSURE.items())
def test_exposure(unit: str, most: float) -> None:
    command = ["systemd-analyze", "security", "--offline=yes", "--no-pager", str(UNITS / unit)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    [level] = re.findall(r"Overall exposure level for \S+: ([0-9.]+)", said)
    assert float(level) <= most


@pytest.mark.parametrize("unit", EXPOSURE)
def test_each_tells_that_it_lives_and_has_a_bound(unit: str) -> None:
    found = lines(unit)
    assert {"Type=notify", "WatchdogSec=60", "Restart=always", "StartLimitIntervalSec=0"} <= set(found)
    assert any(line.startswith("MemoryMax=") for line in found)
    assert not any(line.startswith("MemoryHigh=") for line in found)


def test_the_executor_is_given_nothing() -> None:
    found = lines("picloud-executor.service")
    assert {"PrivateNetwork=yes", "IPAddressDeny=any", "RestrictAddressFamilies=AF_UNIX", "DynamicUser=yes"} <= set(
        found
    )
    assert not [line for line in found if line.startswith(("LoadCredential", "Environment", "StateDirectory"))]


@pytest.mark.parametrize("unit", sorted(path.name for path in UNITS.glob("picloud-*.socket")))
def test_sockets_are_for_a_group_alone(unit: str) -> None:
    assert "SocketMode=0660" in lines(unit)


@pytest.mark.parametrize("unit", sorted(path.name for path in UNITS.iterdir()))
def test_every_unit_can_be_read(unit: str) -> None:
    parser = RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[method-assign, assignment]
    parser.read(UNITS / unit)
    assert "Unit" in parser.sections()
