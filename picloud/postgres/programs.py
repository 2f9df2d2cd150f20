"""Running a PostgreSQL program through the launcher: with the right user, the right view and no inheritance."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from picloud.postgres import launcher
from picloud.postgres.account import Account
from picloud.postgres.errors import PostgresError
from picloud.postgres.layout import Layout, View

_ENVIRONMENT = {"LC_ALL": "C", "TZ": "UTC", "PATH": "/usr/bin:/bin"}
_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Programs:
    """PostgreSQL's programs, run by `account` with the paths of `view`."""

    layout: Layout
    account: Account
    view: View

    def command(self, name: str, *arguments: str, environment: Mapping[str, str] = _NOTHING) -> list[str]:
        """The command line that becomes the program `name`."""
        job: dict[str, object] = {"parent": os.getpid(), "environment": {**_ENVIRONMENT, **environment}}
        if self.account.switch:
            job |= {"uid": self.account.uid, "gid": self.account.gid, "namespace": str(self.layout.namespace)}
            job["mounts"] = [[str(mount.source), str(mount.target)] for mount in self.view.mounts]
        program = [str(self.view.bindir / name), *arguments]
        return [sys.executable, "-I", "-S", launcher.__file__, json.dumps(job), *program]

    def spawn(
        self,
        name: str,
        *arguments: str,
        stdin: int = subprocess.DEVNULL,
        environment: Mapping[str, str] = _NOTHING,
    ) -> "subprocess.Popen[bytes]":
        """Starts the program in a session of its own: a Ctrl-C in our terminal must not end it before us."""
        if self.view.mounts:
            self.layout.namespace.mkdir(mode=0o755, exist_ok=True)
        return subprocess.Popen(
            self.command(name, *arguments, environment=environment),
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=Path("/"),
            start_new_session=True,
        )

    def failure(self, name: str, exit_code: int, output: str) -> PostgresError:
        """The error for a program that ended with `exit_code`."""
        if exit_code != launcher.MOUNT_REFUSED:
            return PostgresError(
                f"{name} for {self.layout.data_dir} ended with code {exit_code}: {output or 'no output'}"
            )
        folders = " and ".join(str(mount.source) for mount in self.view.mounts)
        return PostgresError(
            f"PostgreSQL never runs as root; it runs as user {self.account.name!r}, who can't reach {folders}, and "
            f"mounting these elsewhere isn't permitted here ({output}). Choose places that this user can reach "
            "(data folder /var/lib/picloud, virtual environment outside /root), or start PiCloud as a plain user."
        )
