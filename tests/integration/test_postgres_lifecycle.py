"""The embedded PostgreSQL from its first start through restarts, kills and rivals. Real servers, real signals."""

import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import NullPool, create_engine, text
from sqlalchemy.exc import OperationalError

from picloud.postgres import Cluster, PostgresError, find_bindir
from picloud.postgres import pidfile as pidfiles
from picloud.postgres import process as processes
from tests.pace import PATIENCE

BINDIR = find_bindir(os.environ)
DEBIAN = Path("/usr/lib/postgresql/15/bin")
DEATH_S = 20 * PATIENCE  # far above what it takes: only a failure waits that long


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def cluster(data_dir: Path) -> Iterator[Cluster]:
    cluster = Cluster(data_dir, bindir=BINDIR)
    yield cluster
    cluster.stop()


def run_sql(url: str, *statements: str) -> list[Any]:
    """The rows of the last statement, as single values."""
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        results = [connection.execute(text(statement)) for statement in statements]
        return list(results[-1].scalars()) if results[-1].returns_rows else []


def postmaster(data_dir: Path) -> int:
    known = pidfiles.read(data_dir / "postgres")
    assert known is not None
    return known.pid


def kill_postmaster(cluster: Cluster, data_dir: Path) -> None:
    os.kill(postmaster(data_dir), signal.SIGKILL)
    readable, _, _ = select.select([cluster.pidfd], [], [], DEATH_S)
    assert readable == [cluster.pidfd]


def start_owner(data_dir: Path, then: str = "") -> "subprocess.Popen[bytes]":
    """Another process that starts the cluster, does `then`, and stays."""
    script = (
        "import pathlib, signal, sys\nfrom picloud.postgres import Cluster\n"
        f"cluster = Cluster(pathlib.Path({str(data_dir)!r}), bindir=pathlib.Path({str(BINDIR)!r}))\n"
        f"cluster.start()\n{then}\nprint('ready', flush=True)\nsignal.pause()\n"
    )
    owner = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    assert owner.stdout is not None
    assert owner.stdout.readline() == b"ready\n"
    return owner


def end_owner(owner: "subprocess.Popen[bytes]") -> None:
    owner.kill()
    owner.communicate()


@pytest.mark.parametrize(
    "bindir",
    [
        pytest.param(BINDIR, id="default"),
        pytest.param(DEBIAN, id="debian15", marks=pytest.mark.skipif(not DEBIAN.exists(), reason="not installed")),
    ],
)
def test_a_data_folder_is_made_and_kept(data_dir: Path, bindir: Path) -> None:
    cluster = Cluster(data_dir, bindir=bindir, statement_stats=True)
    assert not cluster.is_running()
    cluster.start()
    try:
        assert cluster.is_running()
        assert Path(f"/proc/{postmaster(data_dir)}").stat().st_uid != 0
        assert run_sql(cluster.url, "CREATE TABLE t (a text)", "INSERT INTO t VALUES ('ä')", "SELECT a FROM t") == ["ä"]
        shown = [
            "TimeZone",
            "server_encoding",
            "data_checksums",
            "wal_segment_size",
            "max_connections",
            "listen_addresses",
        ]
        values = [run_sql(cluster.url, f"SHOW {name}")[0] for name in shown]
        assert values == ["UTC", "UTF8", "on", "4MB", "40", ""]
        assert run_sql(cluster.url, "SELECT datcollate FROM pg_database WHERE datname = 'picloud'") == ["C"]
        assert run_sql(cluster.url, "SELECT count(*) > 0 FROM pg_stat_statements") == [True]
        first = postmaster(data_dir)
        cluster.start()
        assert postmaster(data_dir) == first
        cluster.stop()
        assert not cluster.is_running()
        cluster.start()
        assert run_sql(cluster.url, "SELECT a FROM t") == ["ä"]
    finally:
        cluster.stop()


def test_after_a_kill_of_the_server_the_next_start_works(cluster: Cluster, data_dir: Path) -> None:
    cluster.start()
    engine = create_engine(cluster.url, poolclass=NullPool)
    with engine.connect() as busy:
        run_sql(cluster.url, "CREATE TABLE t (a int)", "INSERT INTO t VALUES (1)")
        busy.execute(text("SELECT 1"))
        for _ in range(3):
            kill_postmaster(cluster, data_dir)
            cluster.start()
            assert run_sql(cluster.url, "SELECT a FROM t") == [1]
        with pytest.raises(OperationalError):
            busy.execute(text("SELECT 1"))
        busy.invalidate()


def test_a_start_waits_for_the_backends_of_a_killed_server(cluster: Cluster, data_dir: Path) -> None:
    cluster.start()
    with create_engine(cluster.url, poolclass=NullPool).connect() as busy:
        backend = busy.execute(text("SELECT pg_backend_pid()")).scalar_one()
        busy.rollback()
        os.kill(backend, signal.SIGSTOP)
        kill_postmaster(cluster, data_dir)
        wake_up = threading.Timer(1.0, os.kill, (backend, signal.SIGCONT))
        wake_up.start()
        cluster.start()
        wake_up.join()
        assert run_sql(cluster.url, "SELECT 1") == [1]
        busy.invalidate()


def test_a_process_id_that_something_else_has_now_is_no_obstacle(cluster: Cluster, data_dir: Path) -> None:
    """After a power cut the same numbers come again; PostgreSQL alone would refuse for ever."""
    cluster.start()
    owner = Path(f"/proc/{postmaster(data_dir)}").stat()
    kill_postmaster(cluster, data_dir)
    user = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []} if os.geteuid() == 0 else {}
    stranger = subprocess.Popen(["sleep", "600"], cwd="/", **user)  # type: ignore[call-overload]
    try:
        for name in ("postgres/postmaster.pid", "run/.s.PGSQL.5432.lock"):
            lines = (data_dir / name).read_text().splitlines()
            (data_dir / name).write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n")
        cluster.start()
        assert run_sql(cluster.url, "SELECT 1") == [1]
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_the_server_ends_with_a_killed_owner(cluster: Cluster, data_dir: Path) -> None:
    owner = start_owner(data_dir)
    server = processes.open_pidfd(postmaster(data_dir))
    assert server is not None
    end_owner(owner)
    assert processes.has_ended(server, DEATH_S)
    os.close(server)
    end_owner(start_owner(data_dir))
    cluster.start()
    assert run_sql(cluster.url, "SELECT 1") == [1]


def test_a_server_that_was_left_behind_is_ended_first(cluster: Cluster, data_dir: Path) -> None:
    owner = start_owner(data_dir, then="cluster._lock.release()")
    try:
        left_behind = postmaster(data_dir)
        assert cluster.is_running()
        cluster.start()
        assert postmaster(data_dir) != left_behind
        assert run_sql(cluster.url, "SELECT 1") == [1]
    finally:
        end_owner(owner)


def test_a_second_owner_is_refused_and_a_command_uses_the_first(cluster: Cluster, data_dir: Path) -> None:
    owner = start_owner(data_dir)
    try:
        with pytest.raises(PostgresError, match=rf"in use by another PiCloud \(process {owner.pid}\)"):
            cluster.start()
        assert cluster.owned_elsewhere()
        assert cluster.is_running()
        with cluster.opened() as url:
            assert run_sql(url, "SELECT 1") == [1]
        assert cluster.is_running()
    finally:
        end_owner(owner)


def test_a_command_alone_has_a_server_for_itself(cluster: Cluster) -> None:
    with cluster.opened() as url:
        assert run_sql(url, "SELECT 1") == [1]
        assert not cluster.owned_elsewhere()
    assert not cluster.is_running()


def test_an_interrupted_first_start_is_repeated(cluster: Cluster, data_dir: Path) -> None:
    half_made = data_dir / "postgres.new-abc"
    half_made.mkdir(parents=True)
    (half_made / "PG_VERSION").write_text("18\n")
    (data_dir / "postgres").mkdir()
    cluster.start()
    assert run_sql(cluster.url, "SELECT 1") == [1]
    assert not half_made.exists()


def test_a_data_folder_of_another_major_version_says_the_way_out(cluster: Cluster, data_dir: Path) -> None:
    (data_dir / "postgres").mkdir(parents=True)
    (data_dir / "postgres" / "PG_VERSION").write_text("12\n")
    with pytest.raises(PostgresError, match=r"made by PostgreSQL 12.*pg_dump.*pg_restore"):
        cluster.start()
    assert [path.name for path in (data_dir / "postgres").iterdir()] == ["PG_VERSION"]
    assert not cluster.owned_elsewhere()


def test_a_folder_with_something_else_in_it_is_left_alone(cluster: Cluster, data_dir: Path) -> None:
    (data_dir / "postgres").mkdir(parents=True)
    (data_dir / "postgres" / "thesis.txt").write_text("ten years of work")
    with pytest.raises(PostgresError, match="is not empty"):
        cluster.start()
    assert (data_dir / "postgres" / "thesis.txt").read_text() == "ten years of work"


def test_only_the_main_thread_may_start_it(cluster: Cluster) -> None:
    errors: list[str] = []

    def start() -> None:
        try:
            cluster.start()
        except PostgresError as error:
            errors.append(str(error))

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    assert errors == ["The embedded PostgreSQL must be started from the main thread."]
