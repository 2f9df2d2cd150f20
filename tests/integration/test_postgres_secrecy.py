"""What the embedded PostgreSQL must not tell: its password, and the data of its users."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import NullPool, create_engine, text
from sqlalchemy.exc import IntegrityError, OperationalError

from picloud.postgres import Cluster, find_bindir
from picloud.postgres import pidfile as pidfiles


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def cluster(data_dir: Path) -> Iterator[Cluster]:
    cluster = Cluster(data_dir, bindir=find_bindir(os.environ))
    yield cluster
    cluster.stop()


def run_sql(url: str, *statements: str) -> None:
    with create_engine(url, poolclass=NullPool).begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


def test_the_password_opens_the_door_and_shows_up_nowhere(
    cluster: Cluster, data_dir: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PICLOUD_MASTER_KEY", "m4ster")
    with caplog.at_level(logging.DEBUG):
        cluster.start()
        password = (data_dir / "postgres-password").read_text().strip()
        with pytest.raises(OperationalError, match="password authentication failed"):
            run_sql(cluster.url.replace(password, "guess"), "SELECT 1")
    server = pidfiles.read(data_dir / "postgres")
    assert server is not None
    process = Path(f"/proc/{server.pid}")
    places = [process / "cmdline", process / "environ", data_dir / "postgres" / "postgresql.conf"]
    assert all(password not in place.read_text() for place in places)
    assert "m4ster" not in (process / "environ").read_text()
    assert password not in repr(cluster) + caplog.text
    assert (data_dir / "postgres-password").stat().st_mode & 0o077 == 0
    assert (data_dir / "run").stat().st_mode & 0o077 == 0


def test_values_of_statements_and_rows_stay_out_of_the_log(cluster: Cluster, caplog: pytest.LogCaptureFixture) -> None:
    cluster.start()
    with caplog.at_level(logging.DEBUG):
        with pytest.raises(IntegrityError):
            run_sql(cluster.url, "CREATE TABLE t (a text PRIMARY KEY)", *["INSERT INTO t VALUES ('s3cret')"] * 2)
        cluster.stop()
    assert "duplicate key" in caplog.text
    assert "s3cret" not in caplog.text
