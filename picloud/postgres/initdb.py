"""Making a PGDATA, and refusing one of another major version."""

import os
import re
import secrets
import shutil
import subprocess
from pathlib import Path

from picloud.postgres import database, files
from picloud.postgres.account import Account
from picloud.postgres.binaries import SYSTEM_ROOT
from picloud.postgres.errors import PostgresError
from picloud.postgres.layout import Layout
from picloud.postgres.programs import Programs

_TIMEOUT_S = 300  # about 1 s on a PC; a slow SD card needs its time
_SHOWN_CHARACTERS = 1000
_FRESH_PREFIX = "postgres.new-"
_COMPLAINT = re.compile(r"\b(error|ERROR|FATAL|PANIC)\b")


def is_made(layout: Layout) -> bool:
    """Whether there is a database. Raises PostgresError for a folder with something else in it."""
    if (layout.pgdata / "PG_VERSION").exists():
        return True
    if layout.pgdata.exists() and any(layout.pgdata.iterdir()):
        raise PostgresError(f"{layout.pgdata} is not empty, and not PostgreSQL's. Move it away, or choose another one.")
    return False


def make(layout: Layout, bindir: Path, account: Account) -> None:
    """Makes the database: UTF-8, C locale, checksums, scram. It appears at its place only when it is complete."""
    for interrupted in layout.data_dir.glob(f"{_FRESH_PREFIX}*"):
        shutil.rmtree(interrupted, ignore_errors=True)
    fresh = files.fresh_folder(account, layout.data_dir, _FRESH_PREFIX)
    password = secrets.token_urlsafe(32)
    _run(Programs(layout, account, layout.view(bindir, fresh, account)), password)
    files.write_password(layout, password)
    fresh.rename(layout.pgdata)
    _sync(layout.data_dir)


def check_version(layout: Layout, bindir: Path, major: int) -> None:
    """Raises PostgresError, with the way out, when the programs can't read this database."""
    found = (layout.pgdata / "PG_VERSION").read_text("ascii").strip()
    if found == str(major):
        return
    old = SYSTEM_ROOT / found / "bin"
    login = f"-h {layout.socket_dir} -U {database.USER}"
    raise PostgresError(
        f"The database in {layout.pgdata} was made by PostgreSQL {found}, but the programs in {bindir} are version "
        f"{major} and can't read it. Nothing is lost; the way out: "
        f"1. Start PiCloud with the old programs (PICLOUD_PG_BINDIR={old}) and dump: "
        f"`{old}/pg_dump -Fc {login} -f picloud.dump {database.NAME}` (the password is in {layout.password_file}). "
        f"2. Stop it and move {layout.pgdata} to {layout.pgdata}.{found}. "
        f"3. Start it with the new programs and restore: "
        f"`{bindir}/pg_restore --clean --if-exists {login} -d {database.NAME} picloud.dump`."
    )


def _run(programs: Programs, password: str) -> None:
    stdin = _readable_by(programs.account, password)
    process = programs.spawn(
        "initdb",
        f"--pgdata={programs.view.pgdata}",
        f"--username={database.USER}",
        "--pwfile=/dev/stdin",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale=C",
        "--data-checksums",
        "--wal-segsize=4",
        stdin=stdin,
    )
    os.close(stdin)
    try:
        output, _ = process.communicate(timeout=_TIMEOUT_S)
    except subprocess.TimeoutExpired as error:
        process.kill()
        process.wait()
        raise PostgresError(f"initdb is not done after {_TIMEOUT_S} s.") from error
    if process.returncode != 0:
        raise programs.failure("initdb", process.returncode, _cause(output.decode("utf-8", "replace")))


def _cause(output: str) -> str:
    """initdb's complaint, without the SQL that it happened in."""
    complaints = [line for line in output.splitlines() if _COMPLAINT.search(line)]
    return " / ".join(complaints or output.split("\n"))[-_SHOWN_CHARACTERS:]


def _readable_by(account: Account, password: str) -> int:
    """A pipe with the password: initdb opens /dev/stdin anew, so the pipe must belong to its user."""
    read_end, write_end = os.pipe()
    os.write(write_end, f"{password}\n".encode("ascii"))
    os.close(write_end)
    if account.switch:
        os.fchown(read_end, account.uid, account.gid)
    return read_end


def _sync(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
