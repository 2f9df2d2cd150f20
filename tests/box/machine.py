"""A whole Debian with systemd in a container of its own: booted, rebooted, driven from outside."""

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from tests.box import cgroups

LANDLOCK = "landlock_create_ruleset landlock_add_rule landlock_restrict_self"
PATIENCE_S = 60
_POLL_S = 0.1
_SAID_LENGTH = 300
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
HARDENED = (
    *("DynamicUser=yes", "PrivateNetwork=yes", "PrivateDevices=yes", "PrivateTmp=yes", "ProtectSystem=strict"),
    *("ProtectControlGroups=yes", "RestrictNamespaces=user", "SystemCallFilter=@system-service"),
)


class NotHere(Exception):
    """A machine can't be booted where the tests run."""


class Machine:
    """Its folder is its disk: what is there at a boot was there at the last end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._cgroup = f"picloud-box-{os.getpid()}-{folder.parent.name}"
        self._nspawn: subprocess.Popen[bytes] | None = None

    def try_boot(self) -> None:
        """The first time. Raises NotHere with what was said."""
        try:
            self.boot()
            options = [part for option in HARDENED for part in ("-p", option)]
            self.run("systemd-run", "--quiet", "--wait", "--pipe", *options, "true")
        except (AssertionError, OSError, subprocess.TimeoutExpired) as error:
            console = self._console.read_text(errors="replace").strip()[-_SAID_LENGTH:]
            self.cut_power()
            raise NotHere(f"no machine can be booted: {error}; its console: {' '.join(console.split())}") from error

    def boot(self) -> None:
        command = ["systemd-nspawn", "-q", "-D", str(self.folder), "--register=no", "--keep-unit", "--private-network"]
        with self._console.open("ab") as console:
            self._nspawn = subprocess.Popen(
                cgroups.enter(self._cgroup, [*command, f"--system-call-filter={LANDLOCK}", "-b"]),
                env={"PATH": PATH, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
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
        return [*inside, "env", "-i", f"PATH={PATH}", "HOME=/root", *command]

    @property
    def _console(self) -> Path:
        return self.folder.parent / "console"

    def _init_pid(self) -> int:
        assert self._nspawn is not None
        children = Path(f"/proc/{self._nspawn.pid}/task/{self._nspawn.pid}/children").read_text().split()
        return int(children[0])

    def _wait_until_up(self) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            assert self._nspawn is not None
            assert self._nspawn.poll() is None, f"systemd-nspawn ended with {self._nspawn.returncode}"
            with suppress(AssertionError, IndexError, FileNotFoundError):
                if self.run("systemctl", "is-system-running", check=False) in ("running", "degraded"):
                    return
            time.sleep(_POLL_S)
        raise AssertionError(f"the machine has not come up in {PATIENCE_S} s")

    def _end(self, number: int) -> None:
        nspawn, self._nspawn = self._nspawn, None
        if nspawn is None:
            return
        children = Path(f"/proc/{nspawn.pid}/task/{nspawn.pid}/children")
        with suppress(OSError):  # it has ended already
            for pid in children.read_text().split()[:1] if number != signal.SIGKILL else children.read_text().split():
                os.kill(int(pid), number)
        nspawn.wait(PATIENCE_S)
        cgroups.remove(self._cgroup)
