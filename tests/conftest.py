"""Fixtures that all tests share: a real PostgreSQL of the test session's own."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import Engine, text

from picloud.models.engine import make_engine
from picloud.models.schema import migrate
from picloud.postgres.binaries import find_bindir
from picloud.postgres.cluster import Cluster

# A slow machine is no failure. The same examples each time, but with `--hypothesis-profile=random`.
_EXAMPLES = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None)
settings.register_profile("random", _EXAMPLES)
settings.register_profile("same", _EXAMPLES, derandomize=True)
settings.load_profile("same")


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One PostgreSQL per test process."""
    cluster = Cluster(tmp_path_factory.mktemp("postgres"), bindir=find_bindir(os.environ), max_connections=60)
    cluster.start()
    _forget_at_a_power_cut(cluster)
    yield cluster
    cluster.stop()


@pytest.fixture(scope="session")
def engine(cluster: Cluster) -> Iterator[Engine]:
    """An engine on a migrated database."""
    engine = make_engine(cluster.url, pool_size=10)
    migrate(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def empty_database(engine: Engine) -> Iterator[Engine]:
    """An engine on a second database without any table, whatever ran before."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("CREATE DATABASE blank TEMPLATE template0"))
        blank = make_engine(engine.url.set(database="blank"), pool_size=1)
        yield blank
        blank.dispose()
        connection.execute(text("DROP DATABASE blank WITH (FORCE)"))


def _forget_at_a_power_cut(cluster: Cluster) -> None:
    """No commit waits for the disk, as no test cuts the machine's power. Processes that are killed lose nothing by it."""
    engine = make_engine(cluster.url, pool_size=1)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for setting in ("fsync", "full_page_writes"):
            connection.execute(text(f"ALTER SYSTEM SET {setting} = off"))
        connection.execute(text("SELECT pg_reload_conf()"))
    engine.dispose()
