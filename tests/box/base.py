"""What machines are made of: a Debian, made once and kept, and PiCloud's wheels."""

import configparser
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from packaging.requirements import Requirement

from tests.box.machine import NotHere

ROOT = Path(__file__).parents[2]
PACKAGES = (
    *("systemd", "systemd-sysv", "dbus", "python3", "python3-venv", "procps", "iproute2", "curl", "openssl"),
    *("ca-certificates", "caddy", "postgresql"),
)
PYTHONS = {"bookworm": "3.11", "trixie": "3.13"}
"""Debian 12 and 13, and the Python that each has."""
RELEASE = os.environ.get("BOX_RELEASE", "bookworm")
PATIENCE_S = 400
_KEPT = Path("/var/tmp")
_SAID_LENGTH = 300


def check_here() -> None:
    """Raises NotHere."""
    if RELEASE not in PYTHONS:
        raise NotHere(f"BOX_RELEASE={RELEASE} is none of {', '.join(PYTHONS)}")
    if missing := [name for name in ("mmdebstrap", "systemd-nspawn", "nsenter") if shutil.which(name) is None]:
        raise NotHere(f"not installed: {', '.join(missing)} (apt install systemd-container mmdebstrap)")
    if os.geteuid() != 0:
        raise NotHere("only root boots a machine")


def base_folder() -> Path:
    """A Debian with what a box has. Raises NotHere where it can't be had."""
    digest = hashlib.sha256(" ".join((RELEASE, *PACKAGES)).encode()).hexdigest()[:12]
    folder = _KEPT / f"picloud-box-{digest}"
    with _alone(folder.with_suffix(".lock")):
        if not folder.exists():
            part = folder.with_suffix(f".{os.getpid()}")
            try:
                _run("mmdebstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", RELEASE, str(part))
            except NotHere:
                shutil.rmtree(part, ignore_errors=True)
                raise
            part.rename(folder)
    return folder


def wheels(folder: Path) -> Path:
    """PiCloud's wheel and those of all that it needs, for the machine's Python, whichever runs the tests; once for the run.

    Raises NotHere.
    """
    done = folder / "done"
    with _alone(folder.with_suffix(".lock")):
        if not done.exists():
            pip, constraints = (sys.executable, "-m", "pip"), str(ROOT / "constraints.txt")
            _run(*pip, "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT))
            download = (*pip, "download", "--quiet", "--only-binary", ":all:", "--python-version", PYTHONS[RELEASE])
            _run(*download, "--dest", str(folder), "--constraint", constraints, *_needed())
            done.touch()
    return folder


def _needed() -> list[str]:
    """What PiCloud needs there. pip would go by the Python that it runs under itself."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    found = map(Requirement, setup["options"]["install_requires"].split("\n")[1:])
    machine = {"python_version": PYTHONS[RELEASE]}
    return [f"{one.name}{one.specifier}" for one in found if one.marker is None or one.marker.evaluate(machine)]


def _run(*command: str) -> None:
    """Both ask the network. Raises NotHere."""
    try:
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=PATIENCE_S)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        said = " ".join((error.stderr or b"").decode(errors="replace").split())[-_SAID_LENGTH:]
        raise NotHere(f"{command[0]} did not make what a machine needs: {said or error}") from error


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """The other workers of the run wait."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
