"""A migrated database for commands that need one: the given server, the running instance's, or one for the moment."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from picloud.cli.embedded import embedded_cluster
from picloud.models.engine import make_engine
from picloud.models.migrator import MigrationError, bring_up_to_date
from picloud.models.revisions import current_revision, newest_revision
from picloud.postgres import PostgresError
from picloud.settings import Settings, SettingsError

CLI_POOL_SIZE = 1
DATABASE_ERRORS = (PostgresError, MigrationError, SQLAlchemyError)


@contextmanager
def open_engine(settings: Settings, *, upgrade: bool) -> Iterator[Engine]:
    """An engine on the instance's database, whose schema is this code's. Raises PostgresError, SQLAlchemyError.

    An empty database is always migrated; another one only to `upgrade`, else SettingsError says what to do: a server of
    another version may be running on it.
    """
    with open_unmigrated(settings) as engine:
        with engine.connect() as connection:
            found = current_revision(connection)
        if upgrade or not found:
            bring_up_to_date(engine)
        elif found != newest_revision():
            raise SettingsError(
                f"The database is at revision {found}, this PiCloud wants {newest_revision()}. Run: picloud migrate"
            )
        yield engine


@contextmanager
def open_unmigrated(settings: Settings) -> Iterator[Engine]:
    """An engine on the instance's database, whatever its schema is. Raises PostgresError."""
    with ExitStack() as stack:
        url = settings.database_url or stack.enter_context(embedded_cluster(settings).opened())
        engine = make_engine(url, pool_size=CLI_POOL_SIZE)
        stack.callback(engine.dispose)
        yield engine


@contextmanager
def open_session(settings: Settings) -> Iterator[Session]:
    """A session, committed at the end."""
    with open_engine(settings, upgrade=False) as engine, Session(engine) as session, session.begin():
        yield session
