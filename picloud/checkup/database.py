"""The database, the key that its secrets are sealed under, what waits in it, and its clock."""

import time
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from picloud.checkup.finding import Finding, broken, ok, warning
from picloud.crypto import KeyFileError
from picloud.models.revisions import current_revision, newest_revision
from picloud.services.keyring.master_keys import MasterKeyService

QUEUE_AGE_WARNING_S = 300
CLOCK_WARNING_S = 5
_QUEUE = text("""
    SELECT count(*) AS waiting, coalesce(extract(epoch FROM now() - min(due)), 0)::float8 AS age_s
    FROM outbox WHERE due <= now() AND epoch IS NULL
""")
_DEAD = text("SELECT count(*) FROM dead_letters WHERE state = 'dead'")


def database(engine: Engine, key_file: Path) -> Iterator[Finding]:
    """Changes nothing."""
    try:
        with engine.connect() as connection:
            yield from _schema(connection)
            yield _clock(connection)
            yield from _queue(connection)
        yield _key(engine, key_file)
    except SQLAlchemyError as error:
        said = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        yield broken("database", said, "start PostgreSQL, or mend PICLOUD_DATABASE_URL")


def _schema(connection: Connection) -> Iterator[Finding]:
    found, wanted = current_revision(connection), newest_revision()
    size = connection.execute(text("SELECT pg_size_pretty(pg_database_size(current_database()))")).scalar_one()
    server = connection.execute(text("SHOW server_version")).scalar_one()
    yield ok("database", f"PostgreSQL {server}, {size}")
    if found == wanted:
        yield ok("schema", f"revision {found}")
    else:
        yield broken("schema", f"revision {found or 'none'}, and this PiCloud wants {wanted}", "picloud migrate")


def _clock(connection: Connection) -> Finding:
    theirs = float(connection.execute(text("SELECT extract(epoch FROM clock_timestamp())")).scalar_one())
    apart_s = abs(time.time() - theirs)
    if apart_s > CLOCK_WARNING_S:
        return warning("clock", f"the database's clock differs by {apart_s:.0f} s", "timedatectl set-ntp true")
    if not Path("/run/systemd/timesync/synchronized").exists() and Path("/run/systemd/system").exists():
        return warning("clock", "agrees with the database's; not known to be synchronized", "timedatectl set-ntp true")
    return ok("clock", "agrees with the database's")


def _queue(connection: Connection) -> Iterator[Finding]:
    row = connection.execute(_QUEUE).one()
    said = f"{row.waiting} waiting, the oldest for {max(row.age_s, 0):.0f} s"
    late = row.age_s > QUEUE_AGE_WARNING_S
    yield warning("queue", said, "systemctl status 'picloud*'") if late else ok("queue", said)
    dead = connection.execute(_DEAD).scalar_one()
    if dead:
        yield warning("dead letters", f"{dead} wait for a decision", "replay or discard them: …/dead-letters")
    else:
        yield ok("dead letters", "none")


def _key(engine: Engine, path: Path) -> Finding:
    if not path.exists():
        return broken("master key", f"there is none at {path}", "put it there, from your copy")
    try:
        with Session(engine) as session:
            key = MasterKeyService(session).open(path)
            session.rollback()
    except KeyFileError as error:
        return broken("master key", str(error), "put the right key there, from your copy")
    return ok("master key", f"{path}, fingerprint {key.fingerprint}")
