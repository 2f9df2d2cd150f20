"""No-op jobs through PiCloud, procrastinate and PgQueuer, beside a bare psycopg2 loop, on one PostgreSQL in one run.

pip install -e '.[bench]'; python -m benchmarks.peers [JOBS]

Each drains JOBS (20,000) that are there already. PiCloud twice: with handlers that do nothing in our own process, and with
sandboxed ones; both with fair claims and execution rows. procrastinate runs 100 jobs at once; PgQueuer takes 10 at a time,
its default, and 100.
"""

import asyncio
import logging
import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import asyncpg
import procrastinate
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgDriver
from pgqueuer.models import Job
from pgqueuer.queries import Queries
from sqlalchemy import Engine, text

from benchmarks.drain import Stub, bare, database, dispatched, fill, make_script, vacuum
from picloud.sandbox_pool.executor import Executor
from picloud.sandbox_pool.pool import Pool
from picloud.services.code.runner import Runner
from picloud.settings import Settings

AT_ONCE = 100


def dsn(engine: Engine) -> str:
    return engine.url.set(drivername="postgresql").render_as_string(hide_password=False)


async def drain_procrastinate(engine: Engine, jobs: int) -> float:
    """Seconds. The worker ends when there is nothing left."""
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=dsn(engine)))

    @app.task(name="no_op")
    async def no_op() -> None:
        pass

    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        await no_op.batch_defer_async(*({} for _ in range(jobs)))
        vacuum(engine)
        started = time.perf_counter()
        await app.run_worker_async(
            wait=False, concurrency=AT_ONCE, listen_notify=False, install_signal_handlers=False, delete_jobs="always"
        )
        return time.perf_counter() - started


async def drain_pgqueuer(engine: Engine, jobs: int, batch: int) -> float:
    """Seconds until all have run."""
    connection = await asyncpg.connect(dsn(engine))
    driver = AsyncpgDriver(connection)
    queries = Queries(driver)
    if not await queries.has_table("pgqueuer"):
        await queries.install()
    await queries.enqueue(["no_op"] * jobs, [None] * jobs, [0] * jobs)
    vacuum(engine)
    queuer = PgQueuer(driver)
    left = jobs

    @queuer.entrypoint("no_op")
    async def no_op(job: Job) -> None:
        nonlocal left
        left -= 1
        if not left:
            queuer.shutdown.set()

    started = time.perf_counter()
    await queuer.run(batch_size=batch)
    elapsed = time.perf_counter() - started
    await connection.close()
    return elapsed


def peer(drain: Callable[[Engine, int], Awaitable[float]], engine: Engine, jobs: int) -> float:
    async def run() -> float:
        return await drain(engine, jobs)

    return asyncio.run(run())


def main(jobs: int) -> None:
    logging.basicConfig(level=logging.ERROR, filename=os.devnull)
    settings = Settings()
    with tempfile.TemporaryDirectory(prefix="picloud-peers-") as folder, database(Path(folder)) as engine:
        with engine.begin() as connection:
            connection.execute(text("SET statement_timeout = 0"))
        executor = Executor()
        pool = Pool(executor, size=settings.sandbox_workers)
        script = make_script(engine)
        taken: dict[str, float] = {}
        fill(engine, *script, jobs)
        taken["bare psycopg2 loop"] = bare(engine)
        for name, runner in (
            ("PiCloud, in-process stubs", Stub(pool, settings)),
            ("PiCloud, sandboxed", Runner(pool, settings)),
        ):
            fill(engine, *script, jobs)
            taken[name] = dispatched(engine, runner, settings, jobs)
        pool.close()
        executor.close()
        taken["procrastinate"] = peer(drain_procrastinate, engine, jobs)
        for batch in (10, AT_ONCE):
            taken[f"PgQueuer, batches of {batch}"] = peer(partial(drain_pgqueuer, batch=batch), engine, jobs)
    targets = {
        "PiCloud, in-process stubs": " (target: 0.70)",
        "PiCloud, sandboxed": " (target: 0.30, and above both peers)",
    }
    for name, seconds in taken.items():
        ratio = taken["bare psycopg2 loop"] / seconds
        print(f"{name:26} {jobs / seconds:8.0f} jobs/s   {ratio:5.2f} of the loop{targets.get(name, '')}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000)
