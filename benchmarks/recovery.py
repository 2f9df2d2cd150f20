"""From `kill -9` of `picloud serve` to the next start of a handler, restarted at once; beside the least that it takes.

python -m benchmarks.recovery [ROUNDS]

An event is due each 50 ms, before the kill and after it. Handlers tell when they began, by the clock of the box. Beside
each round: a Python that does nothing, and the stop and start of a PostgreSQL with the same settings and no data.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg2
from sqlalchemy import make_url

from benchmarks.box import Box, served
from picloud.postgres.binaries import find_bindir
from picloud.postgres.cluster import Cluster

EVENTS = 400
BETWEEN_S = 0.05
WARM_S = 2
"""Of deliveries before the kill."""
PATIENCE_S = 60
POLL_S = 0.1
QUICK_S = 5
TRIES = 10
FILL = f"""
def handler(ctx):
    for n in range({EVENTS}):
        ctx.queue("trickle").send(n, delay_s=n * {BETWEEN_S})
"""
NOTE = """
import time


def handler(ctx):
    return {"at": time.time()}
"""
NEXT = "SELECT min(at) FROM (SELECT (result->>'at')::float AS at FROM executions) AS begun WHERE at > %s"


def deploy(box: Box) -> None:
    box.admin("POST", "/apps", {"slug": "app"})
    for name, source in (("fill", FILL), ("note", NOTE)):
        box.admin("POST", "/apps/app/scripts", {"name": name, "source": source})
    box.admin("POST", "/apps/app/routes", {"method": "POST", "path": "/fill", "script": "fill"})
    box.admin("POST", "/apps/app/triggers/queue", {"queue": "trickle", "script": "note"})


def recovery_s(box: Box) -> float:
    """One round."""
    fill(box)
    box.connection.close()
    time.sleep(WARM_S)
    killed_at = time.time()
    box.kill_and_restart()
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        time.sleep(POLL_S)
        begun_at = next_start(box, killed_at)
        if begun_at is not None:
            box.wait_until_ready()
            return begun_at - killed_at
    raise RuntimeError("nothing was delivered after the restart")


def fill(box: Box) -> None:
    """What a run sends appears with its end: after a slow one most of it would be delivered before the kill."""
    for _ in range(TRIES):
        began = time.monotonic()
        box.call("POST", "/run/app/fill")
        if time.monotonic() - began < QUICK_S:
            return
    raise RuntimeError(f"the machine is too busy to measure: {EVENTS} events took longer than {QUICK_S} s")


def next_start(box: Box, since: float) -> float | None:
    """Unix time of the first handler that began after `since`, as soon as its end is on record."""
    url = make_url(Cluster(box.data_dir, bindir=find_bindir(os.environ)).url).set(drivername="postgresql")
    try:
        connection = psycopg2.connect(url.render_as_string(hide_password=False))
    except psycopg2.OperationalError:
        return None
    try:
        with connection.cursor() as cursor:
            cursor.execute(NEXT, (since,))
            row = cursor.fetchone()
            return None if row is None else row[0]
    except psycopg2.OperationalError:
        return None
    finally:
        connection.close()


@contextmanager
def bare_server() -> Iterator[Cluster]:
    with tempfile.TemporaryDirectory(prefix="picloud-recovery-") as folder:
        cluster = Cluster(Path(folder), bindir=find_bindir(os.environ))
        cluster.start()
        try:
            yield cluster
        finally:
            cluster.stop()


def least_s(cluster: Cluster) -> float:
    """Python's start and PostgreSQL's restart, one after the other."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    cluster.stop()
    cluster.start()
    return time.perf_counter() - began


def main(rounds: int) -> None:
    ours, least = [], []
    with served(PICLOUD_LOG_LEVEL="WARNING") as box, bare_server() as cluster:
        deploy(box)
        for _ in range(rounds):
            least.append(least_s(cluster))
            ours.append(recovery_s(box))
    for name, values in (("python + PostgreSQL", least), ("kill -9 to next handler", ours)):
        print(f"{name:25} p50 {statistics.median(values):5.2f} s   max {max(values):5.2f} s   ({len(values)} rounds)")
    print(
        f"ratio of p50: {statistics.median(ours) / statistics.median(least):.1f} (target: p50 under 2 s on a calm box)"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 15)
