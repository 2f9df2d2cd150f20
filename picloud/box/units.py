"""The units: copied from the package, with the path of this installation, and started."""

import shutil
import sys
from importlib import resources
from pathlib import Path

from picloud.box.files import ensure_content
from picloud.box.programs import run
from picloud.box.step import BoxError, Done

FOLDER = Path("/etc/systemd/system")
PACKAGED_PROGRAM = "/opt/picloud/bin/picloud"
SERVICE, SOCKET, TIMER = "picloud.service", "picloud.socket", "picloud-backup.timer"
PARTS = ("picloud-executor.service", "picloud-manager.service", "picloud-orchestrator.service")
"""In the place of SERVICE, where somebody has chosen so."""


def program() -> Path:
    """`picloud` of this installation."""
    return Path(sys.prefix) / "bin" / "picloud"


def ensure_systemd() -> Done:
    """Raises BoxError where no systemd runs."""
    if not Path("/run/systemd/system").is_dir():
        raise BoxError("No systemd runs here. Start PiCloud yourself: picloud serve")
    return Done(False, run("systemctl", "--version").splitlines()[0])


def ensure_units() -> Done:
    """Raises BoxError where the service's user could not reach the program."""
    where = program()
    if any(not parent.stat().st_mode & 0o001 for parent in where.resolve().parents):
        raise BoxError(f"{where} lies in a folder that only root may enter. Install PiCloud under /opt/picloud.")
    written = [
        file.name
        for file in (resources.files("picloud_etc") / "systemd").iterdir()
        if _ensure_unit(file.name, file.read_text())
    ]
    if written:
        run("systemctl", "daemon-reload")
    return Done(bool(written), ", ".join(sorted(written)) or f"{FOLDER}/picloud*")


def ensure_started() -> Done:
    """Enabled and restarted: the one service, or the parts where they run. systemd waits until they are ready."""
    if parts := [unit for unit in PARTS if _is_active(unit)]:
        run("systemctl", "restart", *parts)
        return Done(False, f"{', '.join(parts)} are active")
    active = _is_active(SERVICE)
    if not _is_active(SOCKET):
        run("systemctl", "stop", SERVICE)  # it may listen there itself
    run("systemctl", "enable", "--quiet", SERVICE, SOCKET, TIMER)
    run("systemctl", "start", SOCKET, TIMER)
    try:
        run("systemctl", "restart", SERVICE)
    except BoxError as error:
        said = run("journalctl", "--unit", SERVICE, "--lines", "5", "--output", "cat", "--no-pager")
        raise BoxError(f"{error} Its log ends: {said}") from error
    return Done(not active, f"{SERVICE} is active, and starts with the machine")


def are_installed() -> bool:
    return (FOLDER / SERVICE).exists()


def remove() -> list[Path]:
    """Stop the units and remove their files. Those that went."""
    found = sorted(FOLDER.glob("picloud*"))
    units = [path.name for path in found if path.suffix in (".service", ".socket", ".timer")]
    if units:
        run("systemctl", "disable", "--quiet", "--now", *units)
    for path in found:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    run("systemctl", "daemon-reload")
    return found


def _is_active(unit: str) -> bool:
    return run("systemctl", "show", "-p", "ActiveState", "--value", unit) == "active"


def _ensure_unit(name: str, content: str) -> bool:
    return ensure_content(FOLDER / name, content.replace(PACKAGED_PROGRAM, str(program())))
