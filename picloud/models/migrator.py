"""Brings the schema up to date before a process serves, in a process of its own: Alembic's memory ends with it."""

import subprocess
import sys

from sqlalchemy import Engine

from picloud.models.partitions import ensure_partitions
from picloud.models.revisions import current_revision, knows_revision, newest_revision

PATIENCE_S = 3600


class MigrationError(Exception):
    """The schema can't be brought up to date. The text says why."""


def bring_up_to_date(engine: Engine) -> None:
    """Migrate if needed, and make the next days' partitions. Raises MigrationError, SQLAlchemyError."""
    with engine.connect() as connection:
        found = current_revision(connection)
    if found and not knows_revision(found):
        raise MigrationError(
            f"The database is at revision {found}, this PiCloud knows {newest_revision()} as the newest: a newer one has "
            "used it. Install that, or restore a backup from before."
        )
    if found != newest_revision():
        _migrate(engine)
    with engine.begin() as connection:
        ensure_partitions(connection)


def _migrate(engine: Engine) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "picloud.models.schema"],  # -P: not one that lies in the working folder
        input=engine.url.render_as_string(hide_password=False),
        stderr=subprocess.PIPE,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["no output"]
        reason = next((line for line in reversed(said) if "Error" in line or "psycopg2" in line), said[-1])
        raise MigrationError(f"A migration failed, and nothing of it stays: {reason}")
