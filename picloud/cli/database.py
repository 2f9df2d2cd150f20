"""A migrated database for commands that need one: the given server, the running instance's, or one for the moment."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from picloud.models.engine import make_engine
from picloud.models.schema import migrate
from picloud.postgres import Cluster, find_bindir
from picloud.settings import Settings

CLI_POOL_SIZE = 1


def embedded_cluster(settings: Settings) -> Cluster:
    """The PostgreSQL of the data folder; not started. Raises PostgresError."""
    return Cluster(
        settings.data_dir, bindir=find_bindir(os.environ), shared_buffers_mb=settings.postgres_shared_buffers_mb
    )


@contextmanager
def open_engine(settings: Settings) -> Iterator[Engine]:
    """An engine on the instance's database, migrated. Raises PostgresError, SQLAlchemyError."""
    if settings.database_url:
        yield from _migrated(settings.database_url)
    else:
        with embedded_cluster(settings).opened() as url:
            yield from _migrated(url)


@contextmanager
def open_session(settings: Settings) -> Iterator[Session]:
    """A session, committed at the end."""
    with open_engine(settings) as engine, Session(engine) as session, session.begin():
        yield session


def _migrated(url: str) -> Iterator[Engine]:
    engine = make_engine(url, pool_size=CLI_POOL_SIZE)
    try:
        migrate(engine)
        yield engine
    finally:
        engine.dispose()
