"""Folders and files of the data folder: made with the right owner and mode. None outside it changes its mode."""

import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from picloud.postgres.account import Account
from picloud.postgres.errors import PostgresError
from picloud.postgres.layout import Layout

_PASSWORD_BYTES = 200


def prepare(layout: Layout) -> None:
    """Makes the data folder. Raises PostgresError when that can't be done."""
    try:
        layout.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise PostgresError(
            f"The data folder {layout.data_dir} can't be made: {error.strerror}. "
            "Give it a place that you may write to (PICLOUD_DATA_DIR or --data-dir)."
        ) from error
    if not os.access(layout.data_dir, os.W_OK | os.X_OK):
        raise PostgresError(
            f"The data folder {layout.data_dir} is not writable. Give PiCloud the right to write there, or choose "
            "another one (PICLOUD_DATA_DIR or --data-dir)."
        )


def give_to(account: Account, layout: Layout) -> None:
    """Makes the socket's folder, and lets `account` own it and PGDATA."""
    if account.switch:
        layout.data_dir.chmod(stat.S_IMODE(layout.data_dir.stat().st_mode) | 0o011)
        _adopt(account, layout.pgdata)
    _own_folder(account, layout.socket_dir)


def fresh_folder(account: Account, parent: Path, prefix: str) -> Path:
    """Makes an empty folder in `parent`, for `account` alone."""
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    if account.switch:
        os.chown(folder, account.uid, account.gid)
    return folder


def read_password(layout: Layout) -> str:
    """Raises PostgresError when there is none or it can't be read."""
    try:
        with layout.password_file.open(encoding="ascii") as file:
            return file.read(_PASSWORD_BYTES).strip()
    except OSError as error:
        raise PostgresError(
            f"The database's password can't be read from {layout.password_file}: {error.strerror}. It is made with "
            "the database; if it got lost, restore it from your backup."
        ) from error


def write_password(layout: Layout, password: str) -> None:
    """To disk before the database that it opens."""
    layout.password_file.unlink(missing_ok=True)
    fd = os.open(layout.password_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "w", encoding="ascii") as file:
        file.write(password + "\n")
        file.flush()
        os.fsync(fd)


def remove_runtime_folders(layout: Layout) -> None:
    """The empty folders that this data folder needed elsewhere."""
    for folder in {layout.namespace, layout.socket_dir} - {layout.data_dir / "run"}:
        with suppress(OSError):
            folder.rmdir()


def _own_folder(account: Account, folder: Path) -> None:
    """A folder in /tmp may have been put there by somebody else: then it isn't used."""
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    try:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            if account.switch:
                os.fchown(fd, account.uid, account.gid)
            os.fchmod(fd, 0o700)
        finally:
            os.close(fd)
    except OSError as error:
        raise PostgresError(
            f"{folder} should be PiCloud's folder for the database's socket, but it isn't ours: {error.strerror}. "
            "Remove it."
        ) from error


def _adopt(account: Account, pgdata: Path) -> None:
    """A PGDATA that root owns (restored from a backup) goes to the account."""
    if not pgdata.exists() or pgdata.stat().st_uid == account.uid:
        return
    for _, folders, names, fd in os.fwalk(pgdata, follow_symlinks=False):
        for name in [*folders, *names]:
            os.chown(name, account.uid, account.gid, dir_fd=fd, follow_symlinks=False)
    os.chown(pgdata, account.uid, account.gid, follow_symlinks=False)
