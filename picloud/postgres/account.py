"""The account that PostgreSQL runs under. It refuses root, so root picks an unprivileged one."""

import os
import pwd
from dataclasses import dataclass
from pathlib import Path

from picloud.postgres.errors import PostgresError

_CANDIDATES = ("picloud", "postgres", "nobody")
_NOBODY_ID = 65534


@dataclass(frozen=True, slots=True)
class Account:
    """A user that programs run as. `switch`: whether this differs from who we are."""

    name: str
    uid: int
    gid: int
    switch: bool

    def can_enter(self, path: Path) -> bool:
        """Whether the mode bits let this account go through a folder, or run a program."""
        status = path.stat()
        if status.st_uid == self.uid:
            return bool(status.st_mode & 0o100)
        if status.st_gid == self.gid:
            return bool(status.st_mode & 0o010)
        return bool(status.st_mode & 0o001)

    def can_reach(self, path: Path) -> bool:
        """Whether every folder above `path` (absolute, without symlinks) can be entered."""
        return not self.switch or all(self.can_enter(folder) for folder in path.parents)


def check_programs(account: Account, bindir: Path) -> None:
    """Raises PostgresError when a strict umask at installation keeps the programs from `account`."""
    for needed in (bindir.parent, bindir, bindir / "postgres"):
        if account.switch and not account.can_enter(needed):
            raise PostgresError(
                f"PostgreSQL never runs as root; it runs as user {account.name!r}, who may not use {needed}. "
                f"Run `chmod -R go+rX {bindir.parent}`."
            )


def server_account(pgdata: Path) -> Account:
    """Who runs the server of `pgdata`: ourselves, or, when we are root, the folder's owner or a candidate.

    Raises PostgresError when the folder belongs to somebody that we can't become.
    """
    owner_uid = pgdata.lstat().st_uid if pgdata.exists() else None
    if os.geteuid() == 0:
        return _from_passwd(owner_uid) if owner_uid else _first_candidate()
    if owner_uid not in (None, os.geteuid()):
        raise PostgresError(
            f"{pgdata} belongs to user id {owner_uid}, and you are user id {os.geteuid()}. "
            "Run PiCloud as the user who made it (or as root), or choose another data folder."
        )
    return Account("", os.geteuid(), os.getegid(), switch=False)


def _first_candidate() -> Account:
    for name in _CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid:
            return Account(name, entry.pw_uid, entry.pw_gid, switch=True)
    return Account("nobody", _NOBODY_ID, _NOBODY_ID, switch=True)


def _from_passwd(uid: int) -> Account:
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        return Account(str(uid), uid, uid, switch=True)
    return Account(entry.pw_name, uid, entry.pw_gid, switch=True)
