"""How fast a backlog of no-op deliveries is drained, against a bare psycopg2 loop on the same tables in the same run.

Both claim every delivery, delete it and write an execution row; the bare loop does nothing else, in batches of 200.
Prints both rates, their ratio and the bytes of WAL for each delivery. `--stub`: handlers that do nothing, in our own
process, instead of sandboxed ones. The line that PiCloud logs for each execution is left out: the bare loop has none.
"""

import argparse
import logging
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from psycopg2.extras import execute_values
from sqlalchemy import Engine, text

from picloud.crypto import MasterKey
from picloud.dispatcher.dispatcher import Dispatcher
from picloud.domain.ids import uuid7
from picloud.domain.kinds import ScriptKind
from picloud.models import App, Script, ScriptVersion
from picloud.models.engine import make_engine
from picloud.models.schema import migrate
from picloud.postgres.binaries import find_bindir
from picloud.postgres.cluster import Cluster
from picloud.sandbox_pool.executor import Executor
from picloud.sandbox_pool.limits import Limits
from picloud.sandbox_pool.outcome import Outcome, Status
from picloud.sandbox_pool.pool import Pool
from picloud.services.code.app_code import AppCode, AppCodeCache
from picloud.services.code.runner import Runner, RunResult
from picloud.services.executions.recorder import Recorder
from picloud.services.runs.effects import EffectsFactory
from picloud.services.runs.sync_runs import SyncRuns
from picloud.services.sessions import session_factory
from picloud.services.wakeup import Wakeup
from picloud.settings import Settings

BATCH = 200
NO_OP = "def handler(ctx):\n    return None\n"
CLAIM = """
    UPDATE outbox AS o SET attempt = o.attempt + 1, epoch = 1, due = now() + interval '30 s'
    FROM (SELECT id FROM outbox WHERE due <= now() ORDER BY due, id LIMIT %s FOR UPDATE SKIP LOCKED) AS ready
    JOIN outbox AS row ON row.id = ready.id JOIN events AS e ON e.id = row.event_id
    WHERE o.id = ready.id
    RETURNING o.id, o.app_id, o.script_id, o.event_id, o.attempt, o.max_attempts, e.trace_id, e.payload::text
"""
RECORD = """
    INSERT INTO executions (id, app_id, delivery_id, event_id, script_id, script, version, kind, attempt, max_attempts,
                            status, started_at, wall_ms, cpu_ms, memory_peak_bytes, limits, result, logs, trace_id)
    VALUES %s
"""
STUB_LIMITS = Limits()
TARGETS = {True: 0.70, False: 0.30}
LIMITS = '{"cpu_ms": 10000, "wall_ms": 30000, "memory_bytes": 67108864, "output_bytes": 1048576, "log_bytes": 65536}'


class Stub(Runner):
    """Runs nothing."""

    def run(self, app: AppCode, script_id: UUID, **_: Any) -> RunResult:
        script = app.scripts[script_id]
        outcome = Outcome(Status.ok, STUB_LIMITS, result=b"null")
        return RunResult(uuid7(), app.app_id, script_id, script.name, script.version, datetime.now(UTC), outcome)


@contextmanager
def database(folder: Path) -> Iterator[Engine]:
    cluster = Cluster(folder, bindir=find_bindir(os.environ))
    cluster.start()
    engine = make_engine(cluster.url, pool_size=5)
    migrate(engine)
    yield engine
    engine.dispose()
    cluster.stop()


def make_script(engine: Engine, source: str = NO_OP) -> tuple[UUID, UUID]:
    with session_factory(engine, Wakeup()).begin() as session:
        app = App(slug="bench", name="Benchmark")
        session.add(app)
        session.flush()
        script = Script(app_id=app.id, name="no_op", kind=ScriptKind.ENDPOINT, active_version=1)
        session.add(script)
        session.flush()
        session.add(ScriptVersion(script_id=script.id, number=1, source=source))
        return app.id, script.id


def fill(engine: Engine, app_id: UUID, script_id: UUID, count: int) -> None:
    """A backlog of `count`, on tables without history."""
    with engine.begin() as connection:
        connection.execute(text("TRUNCATE outbox, events, executions"))
        cursor = connection.connection.cursor()
        ids = [(uuid7(), uuid7()) for _ in range(count)]
        execute_values(
            cursor,
            "INSERT INTO events (id, app_id, kind, occurred_at, payload, trace_id) VALUES %s",
            [(event, app_id, "manual", datetime.now(UTC), '{"n": 1}', event) for event, _ in ids],
        )
        execute_values(
            cursor,
            "INSERT INTO outbox (id, app_id, script_id, event_id, source_kind, max_attempts, policy_attempts,"
            " backoff_base_s, backoff_cap_s, timeout_s) VALUES %s",
            [(row, app_id, script_id, event, "manual", 3, 3, 1, 10, 30) for event, row in ids],
        )
    vacuum(engine)


def vacuum(engine: Engine) -> None:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
        connection.execute(text("CHECKPOINT"))


def wal_bytes(engine: Engine) -> int:
    """Written up to now."""
    with engine.connect() as connection:
        found: int = connection.execute(
            text("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint")
        ).scalar_one()
        return found


def bare(engine: Engine) -> float:
    """Seconds for the bare loop."""
    connection = engine.raw_connection()
    cursor = connection.cursor()
    started = time.perf_counter()
    while True:
        cursor.execute(CLAIM, (BATCH,))
        rows = cursor.fetchall()
        connection.commit()
        if not rows:
            break
        now = datetime.now(UTC)
        cursor.execute("DELETE FROM outbox WHERE epoch = 1 AND id IN %s", (tuple(row[0] for row in rows),))
        records = [
            (uuid7(), app, id_, event, script, "no_op", 1, "manual", attempt, most, "ok", now, 0.1, 0.1, 0, LIMITS, "null",
             "[]", trace)
            for id_, app, script, event, attempt, most, trace, _ in rows
        ]  # fmt: skip
        execute_values(cursor, RECORD, records, page_size=BATCH)
        connection.commit()
    elapsed = time.perf_counter() - started
    connection.close()
    return elapsed


@contextmanager
def dispatcher_on(engine: Engine, runner: Runner, settings: Settings, wakeup: Wakeup) -> Iterator[Dispatcher]:
    """To be started; it is stopped after the block."""
    sync_runs, recorder = SyncRuns(runner, settings.sandbox_workers), Recorder(engine)
    effects = EffectsFactory(session_factory(engine, wakeup), MasterKey(b"k" * 32), settings, sync_runs, recorder)
    dispatcher = Dispatcher(engine, runner, AppCodeCache(engine), wakeup, settings, effects)
    yield dispatcher
    dispatcher.stop(10)
    recorder.close()


def dispatched(engine: Engine, runner: Runner, settings: Settings, count: int) -> float:
    """Seconds for PiCloud's dispatcher, from its start."""
    with dispatcher_on(engine, runner, settings, Wakeup()) as dispatcher:
        started = time.perf_counter()
        dispatcher.start()
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            while connection.execute(text("SELECT EXISTS (SELECT 1 FROM outbox)")).scalar_one():
                time.sleep(0.02)
        elapsed = time.perf_counter() - started
    with engine.connect() as connection:
        done = connection.execute(text("SELECT count(*) FROM executions WHERE status = 'ok'")).scalar_one()
    assert done == count, f"{done} of {count} executions"
    return elapsed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--deliveries", type=int, default=20_000)
    parser.add_argument("--workers", type=int, default=Settings.load({}, {}).sandbox_workers)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--stub", action="store_true")
    options = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, filename=os.devnull)
    settings = Settings(sandbox_workers=options.workers)
    with tempfile.TemporaryDirectory(prefix="picloud-drain-") as folder, database(Path(folder)) as engine:
        executor = Executor()
        pool = Pool(executor, size=options.workers)
        runner: Runner = Stub(pool, settings) if options.stub else Runner(pool, settings)
        app_id, script_id = make_script(engine)
        bare_s = ours_s = 0.0
        bare_bytes = ours_bytes = 0
        for _ in range(options.rounds):
            fill(engine, app_id, script_id, options.deliveries)
            start = wal_bytes(engine)
            bare_s += bare(engine)
            bare_bytes += wal_bytes(engine) - start
            fill(engine, app_id, script_id, options.deliveries)
            start = wal_bytes(engine)
            ours_s += dispatched(engine, runner, settings, options.deliveries)
            ours_bytes += wal_bytes(engine) - start
        pool.close()
        executor.close()
    total = options.deliveries * options.rounds
    print(
        f"bare loop, batches of {BATCH}: {total / bare_s:8.0f} deliveries/s   {bare_bytes / total:6.0f} bytes of WAL each"
    )
    print(
        f"dispatcher, {options.workers} workers: {total / ours_s:8.0f} deliveries/s   {ours_bytes / total:6.0f} bytes of WAL each"
    )
    print(f"ratio: {bare_s / ours_s:.2f} (target: {TARGETS[options.stub]:.2f})")


if __name__ == "__main__":
    main()
