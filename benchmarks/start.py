"""From the commit of an event to the start of its handler, at 20 events a second, beside a bare psycopg2 loop.

python -m benchmarks.start [EVENTS]

Both are woken over an eventfd by the process that has committed, and claim on the same tables; the bare loop starts its
"handler" after its claim's commit, PiCloud a stub in one of its runner threads. In turns of 20.
"""

import logging
import os
import select
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, text

from benchmarks.drain import CLAIM, Stub, database, dispatcher_on, make_script
from picloud.domain.delivery import RetryPolicy
from picloud.domain.kinds import EventKind
from picloud.sandbox_pool.executor import Executor
from picloud.sandbox_pool.pool import Pool
from picloud.services.code.app_code import AppCode
from picloud.services.code.runner import RunResult
from picloud.services.delivery.outbox import OutboxService
from picloud.services.sessions import session_factory
from picloud.services.wakeup import Wakeup
from picloud.settings import Settings

RATE = 20
TURN = 20
POLICY = RetryPolicy(3, 1, 10, 30)


class Starts:
    """When the last handler began."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.at = 0.0

    def now(self) -> None:
        self.at = time.perf_counter()
        self.begun.set()


class Clocked(Stub):
    """Runs nothing, and says when."""

    starts: Starts

    def run(self, app: AppCode, script_id: UUID, **rest: Any) -> RunResult:
        self.starts.now()
        return super().run(app, script_id, **rest)


def send(engine: Engine, wakeup: Wakeup, script: tuple[UUID, UUID], starts: Starts, events: int) -> list[float]:
    """Milliseconds of each."""
    factory = session_factory(engine, wakeup)
    found = []
    for _ in range(events):
        time.sleep(1 / RATE)
        starts.begun.clear()
        with factory() as session:
            OutboxService(session, backlog_max=1000).enqueue(
                app_id=script[0], script_id=script[1], kind=EventKind.MANUAL, payload={"n": 1}, policy=POLICY
            )
            session.commit()
            committed = time.perf_counter()
        if not starts.begun.wait(30):
            raise RuntimeError("an event was not delivered")
        found.append((starts.at - committed) * 1000)
    return found


def bare_loop(engine: Engine, wakeup: Wakeup, starts: Starts, ended: threading.Event) -> None:
    connection = engine.raw_connection()
    cursor = connection.cursor()
    while not ended.is_set():
        if not select.select([wakeup], [], [], 0.5)[0]:
            continue
        wakeup.drain()
        cursor.execute(CLAIM, (200,))
        rows = cursor.fetchall()
        connection.commit()
        if rows:
            starts.now()
            cursor.execute("DELETE FROM outbox WHERE epoch = 1 AND id IN %s", (tuple(row[0] for row in rows),))
            connection.commit()
    connection.close()


def bare_turn(engine: Engine, script: tuple[UUID, UUID], starts: Starts) -> list[float]:
    wakeup, ended = Wakeup(), threading.Event()
    thread = threading.Thread(target=bare_loop, args=(engine, wakeup, starts, ended))
    thread.start()
    found = send(engine, wakeup, script, starts, TURN)
    ended.set()
    thread.join()
    return found


def our_turn(engine: Engine, script: tuple[UUID, UUID], runner: Clocked, settings: Settings) -> list[float]:
    wakeup = Wakeup()
    with dispatcher_on(engine, runner, settings, wakeup) as dispatcher:
        dispatcher.start()
        send(engine, wakeup, script, runner.starts, 3)  # statements are planned
        return send(engine, wakeup, script, runner.starts, TURN)


def main(events: int) -> None:
    logging.basicConfig(level=logging.WARNING, filename=os.devnull)
    settings = Settings()
    theirs: list[float] = []
    ours: list[float] = []
    with tempfile.TemporaryDirectory(prefix="picloud-start-") as folder, database(Path(folder)) as engine:
        executor = Executor()
        pool = Pool(executor, size=1)
        script = make_script(engine)
        runner = Clocked(pool, settings)
        runner.starts = Starts()
        for _ in range(events // TURN):
            theirs += bare_turn(engine, script, runner.starts)
            with engine.begin() as connection:
                connection.execute(text("TRUNCATE outbox"))
            ours += our_turn(engine, script, runner, settings)
        pool.close()
        executor.close()
    for name, values in (("bare loop", theirs), ("PiCloud", ours)):
        p99 = statistics.quantiles(values, n=100)[98]
        print(f"{name:10} p50 {statistics.median(values):7.3f} ms   p99 {p99:7.3f} ms   ({len(values)} events)")
    print(f"ratio of p50: {statistics.median(ours) / statistics.median(theirs):.2f} (target: 1.2)")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
