"""How long deliveries wait while a day of history is dropped beside them.

python -m benchmarks.retention [EXECUTIONS]

One thread enqueues, reads, records and settles one delivery after the other, as the dispatcher's statements do. Beside
it a day of so many executions, and as many events, goes; a part of them is still needed. Printed: the slowest and the
99th percentile of the deliveries, in calm and beside the drop.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread

from sqlalchemy import Connection, Engine, text

from picloud.domain.ids import lower_bound, uuid7
from picloud.models.engine import make_engine
from picloud.models.partitions import PARTITIONED, _ensure
from picloud.models.schema import migrate
from picloud.postgres.binaries import find_bindir
from picloud.postgres.cluster import Cluster
from picloud.services.retention.retention import drop_days
from picloud.settings import Settings

CALM_S = 5.0
NEEDED_EVENTS = 100
APP, SCRIPT = uuid7(), uuid7()
OLD_ID = "(to_hex(({ms} + n % 80000000)::bigint)::text || '7000' || lpad(to_hex(n), 16, '8'))"
SETUP = """
    INSERT INTO apps (id, slug, name) VALUES (:app, 'app', 'App');
    INSERT INTO scripts (id, app_id, name, kind, active_version) VALUES (:script, :app, 'main', 'endpoint', 1)
"""
ENQUEUE = """
    WITH event AS (INSERT INTO events (id, app_id, kind, occurred_at, payload, trace_id)
                   VALUES (:id, :app, 'manual', now(), '{}', :id))
    INSERT INTO outbox (id, app_id, script_id, event_id, source_kind, max_attempts, policy_attempts, backoff_base_s,
                        backoff_cap_s, timeout_s) VALUES (:id, :app, :script, :id, 'manual', 3, 3, 1, 1, 30)
"""
CLAIM = """
    UPDATE outbox AS o SET attempt = 1, epoch = 1 FROM outbox AS w LEFT JOIN events AS e ON e.id = w.event_id
    WHERE o.id = w.id AND w.id = :id RETURNING e.payload
"""
RECORD = """
    INSERT INTO executions (id, app_id, delivery_id, event_id, script_id, script, kind, attempt, max_attempts, status,
        started_at, wall_ms, cpu_ms, memory_peak_bytes, limits, logs, trace_id, result)
    SELECT {id}, :app, {delivery}, {id}, :script, 'main', 'manual', 1, 3, 'ok', now(), 1, 1, 1, '{{}}', '[]', {id},
        to_json(repeat('x', 300)) {rest}
"""
SETTLE = f"WITH gone AS (DELETE FROM outbox WHERE id = :id) {RECORD.format(id=':id', delivery=':id', rest='')}"
LEFT = """
    SELECT (SELECT count(*) FROM pg_class WHERE relname LIKE :name),
           (SELECT count(*) FROM events_default), (SELECT count(*) FROM executions_default)
"""


@contextmanager
def database() -> Iterator[Engine]:
    with tempfile.TemporaryDirectory(prefix="picloud-retention-") as folder:
        cluster = Cluster(Path(folder), bindir=find_bindir(os.environ))
        cluster.start()
        engine = make_engine(cluster.url, pool_size=4, statement_timeout_ms=600_000)
        migrate(engine)
        yield engine
        engine.dispose()
        cluster.stop()


def fill(connection: Connection, day: datetime, rows: int) -> None:
    """A day of history; the first NEEDED_EVENTS events have live deliveries, every tenth execution is of a dead letter."""
    for table, column in PARTITIONED.items():
        _ensure(connection, table, column, day)
    names = {"app": APP, "script": SCRIPT, "rows": rows}
    id_ = f"lpad({OLD_ID.format(ms=lower_bound(day).int >> 80)}, 32, '0')::uuid"
    series = "FROM generate_series(1, :rows) AS n"
    connection.execute(
        text(f"INSERT INTO events (id, app_id, kind, occurred_at, payload, trace_id)"
             f" SELECT {id_}, :app, 'manual', now(), to_json(repeat('x', 300)), {id_} {series}"), names,
    )  # fmt: skip
    connection.execute(text(RECORD.format(id=id_, delivery=id_, rest=series)), names)
    common = "app_id, script_id, event_id, source_kind, attempt, max_attempts, policy_attempts, backoff_base_s,"
    common += " backoff_cap_s, timeout_s"
    values = f"{id_}, :app, :script, {id_}, 'manual', 1, 1, 1, 1, 1, 1"
    connection.execute(
        text(f"INSERT INTO dead_letters (id, {common}, state, event, error) SELECT {values}, 'dead', '{{}}', '{{}}'"
             f" {series} WHERE n % 10 = 0"), names,
    )  # fmt: skip
    connection.execute(
        text(f"INSERT INTO outbox (id, {common}, due) SELECT {values}, now() + interval '1 d' {series}"
             f" WHERE n <= {NEEDED_EVENTS}"), names,
    )  # fmt: skip


def deliver(engine: Engine, until: Event, waits_ms: list[float]) -> None:
    with engine.connect() as connection:
        while not until.is_set():
            values = {"id": uuid7(), "app": APP, "script": SCRIPT}
            started = time.perf_counter()
            for statement in (ENQUEUE, CLAIM, SETTLE):
                connection.execute(text(statement), values)
                connection.commit()
            waits_ms.append((time.perf_counter() - started) * 1000)


def beside(engine: Engine, action: Callable[[], None]) -> tuple[list[float], float]:
    """Times of deliveries while `action` runs, and how long that took."""
    done, waits_ms = Event(), list[float]()
    thread = Thread(target=deliver, args=(engine, done, waits_ms))
    thread.start()
    started = time.perf_counter()
    action()
    took_s = time.perf_counter() - started
    done.set()
    thread.join()
    return waits_ms, took_s


def show(name: str, waits_ms: list[float], took_s: float) -> None:
    ordered = sorted(waits_ms)
    p50, p99 = ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.99)]
    spread = f"p50 {p50:.1f} ms, p99 {p99:.1f} ms, slowest {ordered[-1]:.1f} ms"
    print(f"{name:>6}: {took_s:6.2f} s, {len(ordered)} deliveries, {spread}")


def main(rows: int) -> None:
    day = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=40)
    settings = Settings(data_dir=Path("/nonexistent"))
    with database() as engine:
        with engine.begin() as connection:
            connection.execute(text(SETUP), {"app": APP, "script": SCRIPT})
            fill(connection, day, rows)
        show("calm", *beside(engine, lambda: time.sleep(CALM_S)))
        with engine.connect() as connection:
            show("drop", *beside(engine, lambda: drop_days(connection, settings)))
            left = connection.execute(text(LEFT), {"name": f"%_{day:%Y%m%d}"}).one()
            print("tables of the day left: {}; events kept: {}, attempts: {}".format(*left))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200_000)
