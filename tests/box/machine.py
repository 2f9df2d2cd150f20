"""A whole Debian with systemd in a container of its own: booted, rebooted, driven from outside."""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = (
    *("systemd", "systemd-sysv", "dbus", "python3", "python3-venv", "procps", "iproute2", "curl", "openssl"),
    *("ca-certificates", "caddy", "postgresql"),
)
SUITE = "bookworm"
LANDLOCK = "landlock_create_ruleset landlock_add_rule landlock_restrict_self"
PATIENCE_S = 60
_POLL_S = 0.1
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def missing_programs() -> list[str]:
    return [name for name in ("mmdebstrap", "systemd-nspawn", "nsenter") if shutil.which(name) is None]


def base_folder() -> Path:
    """A Debian with what a box has; made once and kept."""
    digest = hashlib.sha256(" ".join((SUITE, *PACKAGES)).encode()).hexdigest()[:12]
    folder = Path(f"/var/tmp/picloud-box-{digest}")
    if not folder.exists():
        part = folder.with_suffix(f".{os.getpid()}")
        command = ["mmdebstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", SUITE, str(part)]
        subprocess.run(command, check=True, capture_output=True)
        with suppress(OSError):
            part.rename(folder)
    return folder


def build_wheels(folder: Path) -> None:
    """PiCloud's wheel and those of all that it needs, for the machine's Python 3.11."""
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--wheel-dir", str(folder)]
    subprocess.run([*pip, "--constraint", str(ROOT / "constraints.txt"), str(ROOT)], check=True, capture_output=True)


class Machine:
    """Its folder is its disk: what is there at a boot was there at the last end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._nspawn: subprocess.Popen[bytes] | None = None

    def boot(self) -> None:
        command = ["systemd-nspawn", "-q", "-D", str(self.folder), "--register=no", "--keep-unit", "--private-network"]
        with (self.folder.parent / "console").open("ab") as console:
            self._nspawn = subprocess.Popen(
                [*command, f"--system-call-filter={LANDLOCK}", "-b"],
                env={"PATH": _PATH, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                start_new_session=True,
            )
        self._wait_until_up()

    def halt(self) -> None:
        """In order, as `poweroff` does."""
        self._end(signal.SIGRTMIN + 4)

    def cut_power(self) -> None:
        self._end(signal.SIGKILL)

    def run(self, *command: str, check: bool = True, stdin: str | None = None) -> str:
        """What the command prints, both outputs together. It must succeed, unless `check` is off."""
        done = subprocess.run(
            self.command(*command), input=stdin, capture_output=True, text=True, timeout=300, check=False
        )
        said = done.stdout + done.stderr
        assert not check or done.returncode == 0, f"{command} ended with {done.returncode}: {said[-3000:]}"
        return said.strip()

    def command(self, *command: str) -> list[str]:
        """A command line that runs `command` inside."""
        inside = ["nsenter", "-t", str(self._init_pid()), "-m", "-u", "-i", "-n", "-p", "-C", "--"]
        return [*inside, "env", "-i", f"PATH={_PATH}", "HOME=/root", *command]

    def _init_pid(self) -> int:
        assert self._nspawn is not None
        children = Path(f"/proc/{self._nspawn.pid}/task/{self._nspawn.pid}/children").read_text().split()
        return int(children[0])

    def _wait_until_up(self) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            with suppress(AssertionError, IndexError, FileNotFoundError):
                if self.run("systemctl", "is-system-running", check=False) in ("running", "degraded"):
                    return
            time.sleep(_POLL_S)
        raise AssertionError("the machine has not come up")

    def _end(self, number: int) -> None:
        nspawn, self._nspawn = self._nspawn, None
        if nspawn is None:
            return
        if number == signal.SIGKILL:
            children = Path(f"/proc/{nspawn.pid}/task/{nspawn.pid}/children").read_text().split()
            for pid in children:
                os.kill(int(pid), signal.SIGKILL)
        else:
            children = Path(f"/proc/{nspawn.pid}/task/{nspawn.pid}/children").read_text().split()
            os.kill(int(children[0]), number)
        nspawn.wait(PATIENCE_S)
