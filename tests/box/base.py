"""What machines are made of: a Debian, made once and kept, and PiCloud's wheels."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.box.machine import NotHere

ROOT = Path(__file__).parents[2]
PACKAGES = (
    *("systemd", "systemd-sysv", "dbus", "python3", "python3-venv", "procps", "iproute2", "curl", "openssl"),
    *("ca-certificates", "caddy", "postgresql"),
)
SUITE = "bookworm"
PATIENCE_S = 400
_KEPT = Path("/var/tmp")
_SAID_LENGTH = 300


def check_here() -> None:
    """Raises NotHere."""
    if missing := [name for name in ("mmdebstrap", "systemd-nspawn", "nsenter") if shutil.which(name) is None]:
        raise NotHere(f"not installed: {', '.join(missing)} (apt install systemd-container mmdebstrap)")
    if os.geteuid() != 0:
        raise NotHere("only root boots a machine")


def base_folder() -> Path:
    """A Debian with what a box has. Raises NotHere where it can't be had."""
    digest = hashlib.sha256(" ".join((SUITE, *PACKAGES)).encode()).hexdigest()[:12]
    folder = _KEPT / f"picloud-box-{digest}"
    with _alone(folder.with_suffix(".lock")):
        if not folder.exists():
            part = folder.with_suffix(f".{os.getpid()}")
            try:
                _run("mmdebstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", SUITE, str(part))
            except NotHere:
                shutil.rmtree(part, ignore_errors=True)
                raise
            part.rename(folder)
    return folder


def wheels(folder: Path) -> Path:
    """PiCloud's wheel and those of all that it needs, for the machine's Python 3.11, once for the run. Raises NotHere."""
    if sys.version_info[:2] != (3, 11):
        raise NotHere("the machine has Python 3.11, and its wheels are made by the Python that runs the tests")
    done = folder / "done"
    with _alone(folder.with_suffix(".lock")):
        if not done.exists():
            pip = (sys.executable, "-m", "pip", "wheel", "--quiet", "--wheel-dir", str(folder))
            _run(*pip, "--constraint", str(ROOT / "constraints.txt"), str(ROOT))
            done.touch()
    return folder


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
