"""`picloud upgrade` on a database that an older version left."""

from pathlib import Path

import pytest
from sqlalchemy import Engine, NullPool, create_engine, text

from picloud.models.revisions import current_revision, newest_revision
from picloud.models.schema import downgrade, migrate
from picloud.postgres import Cluster
from tests.functional.serving import Serving

pytestmark = pytest.mark.xdist_group("upgrade")

OLD = "0014"
LATER_TABLE = "app_domains"
"""Made by the second revision after OLD: the first one has to be taken back."""


@pytest.fixture
def old(cluster: Cluster, tmp_path: Path) -> tuple[Serving, Engine]:
    """A command line on a database at the revision OLD."""
    maintenance = create_engine(cluster.url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with maintenance.connect() as connection:
        connection.execute(text("DROP DATABASE IF EXISTS upgrade"))
        connection.execute(text("CREATE DATABASE upgrade"))
    url = maintenance.url.set(database="upgrade")
    engine = create_engine(url, poolclass=NullPool)
    migrate(engine)
    downgrade(engine, OLD)
    return Serving(tmp_path, PICLOUD_DATABASE_URL=url.render_as_string(hide_password=False)), engine


def revision(engine: Engine) -> str:
    with engine.connect() as connection:
        return current_revision(connection)


def test_it_backs_up_and_migrates(old: tuple[Serving, Engine]) -> None:
    server, engine = old
    said = server.cli("upgrade")
    assert revision(engine) == newest_revision()
    [backup] = (server.data_dir / "backups").iterdir()
    assert f"Backed up to {backup}" in said
    assert "already" in server.cli("upgrade")


def test_a_migration_that_fails_leaves_the_schema_as_it_was(old: tuple[Serving, Engine]) -> None:
    server, engine = old
    with engine.begin() as connection:
        connection.execute(text(f"CREATE TABLE {LATER_TABLE} (in_the_way int)"))
    refused = server.run("upgrade")
    assert refused.returncode == 1
    assert f"revision {OLD} again" in refused.stderr
    assert "already exists" in refused.stderr
    assert revision(engine) == OLD


def test_without_a_backup_nothing_is_migrated(old: tuple[Serving, Engine]) -> None:
    server, engine = old
    server.data_dir.mkdir(exist_ok=True)
    (server.data_dir / "backups").write_text("in the way")
    refused = server.run("upgrade")
    assert refused.returncode == 1
    assert len(refused.stderr.splitlines()) == 1
    assert revision(engine) == OLD


def test_other_commands_say_what_to_do(old: tuple[Serving, Engine]) -> None:
    refused = old[0].run("backup")
    assert refused.returncode == 1
    assert "Run: picloud migrate" in refused.stderr


def test_where_there_is_no_picloud_none_is_made(tmp_path: Path) -> None:
    server = Serving(tmp_path)
    assert "There is no PiCloud in" in server.run("upgrade").stderr
    assert not (server.data_dir / "postgres").exists()
