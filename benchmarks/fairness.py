"""Small apps behind a large backlog of one: fair claims against first come, first served, in the same run.

python -m benchmarks.fairness [BACKLOG]

One app has BACKLOG deliveries (18,000); after them come 50 of each of 20 other apps. Handlers do nothing, in our own
process. Prints when the small apps were done, and all; and the ratios.
"""

import logging
import os
import sys
import tempfile
import time
from pathlib import Path
from uuid import UUID

from sqlalchemy import Engine, text

from benchmarks.drain import Stub, database, dispatcher_on, vacuum
from picloud.dispatcher import claimer
from picloud.dispatcher.claim_sql import CLAIM, IN_ORDER
from picloud.domain.ids import uuid7
from picloud.domain.kinds import ScriptKind
from picloud.models import App, Script, ScriptVersion
from picloud.sandbox_pool.executor import Executor
from picloud.sandbox_pool.pool import Pool
from picloud.services.code.prepared import Prepared
from picloud.services.sessions import session_factory
from picloud.services.wakeup import Wakeup
from picloud.settings import Settings

APPS, OF_EACH = 20, 50
ROUNDS = 2
FIFO = Prepared(
    "first_come",
    f"""
    WITH ready AS MATERIALIZED (
        SELECT id, event_id, principal_id, epoch AS lost_epoch, 1 AS place, $1::int AS each FROM outbox AS w
        WHERE epoch IS NULL AND due <= now() AND {IN_ORDER} AND $4::timestamptz <= now() AND $5::timestamptz <= now()
          AND $6::uuid IS NOT NULL AND cardinality($7::uuid[]) = cardinality($8::int[])
          AND cardinality($9::uuid[]) = cardinality($10::int[])
          AND cardinality($11::uuid[]) = cardinality($12::text[])
        ORDER BY due, id LIMIT $1 FOR UPDATE SKIP LOCKED
    )
    {CLAIM.sql[CLAIM.sql.index("UPDATE outbox AS o") :]}
    """,
)
"""The same claim, but for whose turn it is."""
INDEX = "CREATE INDEX first_come ON outbox (due, id) WHERE epoch IS NULL"


def make_app(engine: Engine) -> tuple[UUID, UUID]:
    with session_factory(engine, Wakeup()).begin() as session:
        app = App(slug=f"app-{uuid7()}", name="App")
        session.add(app)
        session.flush()
        script = Script(app_id=app.id, name="no_op", kind=ScriptKind.ENDPOINT, active_version=1)
        session.add(script)
        session.flush()
        session.add(ScriptVersion(script_id=script.id, number=1, source="def handler(ctx):\n    return None\n"))
        return app.id, script.id


def fill(engine: Engine, apps: list[tuple[UUID, UUID]], backlog: int) -> None:
    """The first app's come before all others."""
    with engine.begin() as connection:
        connection.execute(text("TRUNCATE outbox, events, executions"))
        for number, (app_id, script_id) in enumerate(apps):
            rows = {"app_id": app_id, "script_id": script_id, "count": OF_EACH if number else backlog, "after": number}
            connection.execute(
                text("""
                    WITH event AS (
                        INSERT INTO events (id, app_id, kind, occurred_at, payload, trace_id)
                        SELECT gen_random_uuid(), :app_id, 'manual', now(), '{"n": 1}', gen_random_uuid()
                        FROM generate_series(1, :count) RETURNING id
                    )
                    INSERT INTO outbox (id, app_id, script_id, event_id, source_kind, max_attempts, policy_attempts,
                                        backoff_base_s, backoff_cap_s, timeout_s, due)
                    SELECT gen_random_uuid(), :app_id, :script_id, id, 'manual', 3, 3, 1, 10, 30,
                           now() - interval '1 min' + :after * interval '1 s' + row_number() OVER () * interval '1 us' FROM event
                """),
                rows,
            )
    vacuum(engine)


def measure(engine: Engine, large: UUID, stub: Stub, settings: Settings) -> tuple[float, float]:
    """Seconds until the small apps are done, and until all are."""
    small_s = 0.0
    waiting = text(
        "SELECT EXISTS (SELECT FROM outbox WHERE app_id < :large) OR EXISTS (SELECT FROM outbox WHERE app_id > :large),"
        " EXISTS (SELECT FROM outbox)"
    )
    with (
        dispatcher_on(engine, stub, settings, Wakeup()) as dispatcher,
        engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection,
    ):
        connection.execute(text("SET enable_seqscan = off"))
        started = time.perf_counter()
        dispatcher.start()
        some = True
        while some:
            time.sleep(0.03)
            small, some = connection.execute(waiting, {"large": large}).one()
            if not small and not small_s:
                small_s = time.perf_counter() - started
        return small_s, time.perf_counter() - started


def main(backlog: int) -> None:
    logging.basicConfig(level=logging.WARNING, filename=os.devnull)
    settings = Settings()
    found: dict[str, list[tuple[float, float]]] = {"first come": [], "fair": []}
    with tempfile.TemporaryDirectory(prefix="picloud-fairness-") as folder, database(Path(folder)) as engine:
        executor = Executor()
        pool = Pool(executor, size=1)
        apps = [make_app(engine) for _ in range(1 + APPS)]
        for _ in range(ROUNDS):
            for name, statement, index in (("first come", FIFO, INDEX), ("fair", CLAIM, "DROP INDEX first_come")):
                claimer.CLAIM = statement
                with engine.begin() as connection:
                    connection.execute(text(index))
                fill(engine, apps, backlog)
                found[name].append(measure(engine, apps[0][0], Stub(pool, settings), settings))
        pool.close()
        executor.close()
    total = backlog + APPS * OF_EACH
    best = {name: (min(small for small, _ in both), min(every for _, every in both)) for name, both in found.items()}
    for name, (small_s, all_s) in best.items():
        print(f"{name:10}  small apps done after {small_s:6.2f} s   all after {all_s:6.2f} s   {total / all_s:6.0f}/s")
    (small_fifo, all_fifo), (small_fair, all_fair) = best["first come"], best["fair"]
    print(
        f"small apps sooner by {small_fifo / small_fair:.1f} x (target: 5), throughput {all_fifo / all_fair:.2f} (target: 0.8)"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 18_000)
