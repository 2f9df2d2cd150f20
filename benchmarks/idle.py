"""What PiCloud does with nothing due: statements at PostgreSQL, and context switches of its threads.

python -m benchmarks.idle [SECONDS]

Two instances with 100 triggers of all kinds sleep at the same time, after each has served a call and delivered an event:
one on a PostgreSQL that counts statements, one with the embedded PostgreSQL. Beside them a bare waitress with the same settings.
"""

import os
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
from benchmarks.memory import descendants, part_of
from picloud.postgres.binaries import find_bindir
from picloud.postgres.cluster import Cluster

CALM_S = 40
"""After the start, for what is done once: spare workers, the look for lost nodes, connections that are closed."""
TRIGGERS = {
    "kv": {"collection_glob": "orders"},
    "cron": {"schedule": "0 0 29 2 *"},
    "email": {},
    "dead_letter": {},
    "queue": {"queue": "jobs"},
}
CALLS = "SELECT coalesce(sum(calls), 0) FROM pg_stat_statements WHERE query NOT LIKE '%pg_stat_statements%'"
WAITRESS = """
import socket, threading
from picloud.cli.listening import listen
from picloud.views.server import WebServer
answer = lambda environ, start: (start("200 OK", []), [b""])[1]
WebServer(answer, listen("127.0.0.1:0"), threads=24, body_max_bytes=1000).run()
"""
"""In the main thread: what it does alone."""


def switches(pid: int) -> int:
    """Context switches of all threads, voluntary or not."""
    total = 0
    for status in Path(f"/proc/{pid}/task").glob("*/status"):
        total += sum(int(line.split()[1]) for line in status.read_text().splitlines() if "ctxt_switches" in line)
    return total


def by_part(box: Box) -> dict[str, int]:
    found: dict[str, int] = {}
    for pid in descendants(box.process.pid):
        part = part_of(pid, box)
        found[part] = found.get(part, 0) + switches(pid)
    return found


@contextmanager
def counting_server() -> Iterator[Cluster]:
    with tempfile.TemporaryDirectory(prefix="picloud-idle-") as folder:
        cluster = Cluster(Path(folder), bindir=find_bindir(os.environ), statement_stats=True)
        cluster.start()
        yield cluster
        cluster.stop()


@contextmanager
def served_on(cluster: Cluster) -> Iterator[Box]:
    os.environ["PICLOUD_DATABASE_URL"] = cluster.url  # for the commands that make the box's key as well
    with served() as box:
        del os.environ["PICLOUD_DATABASE_URL"]
        yield box


@contextmanager
def bare_waitress() -> Iterator[int]:
    process = subprocess.Popen([sys.executable, "-c", WAITRESS])
    yield process.pid
    process.kill()
    process.wait()


def exercise(box: Box) -> None:
    """One call, one delivery."""
    box.admin("POST", "/apps", {"slug": "app", "name": "App"})
    box.admin("POST", "/apps/app/scripts", {"name": "it", "source": "def handler(ctx):\n    return 1\n"})
    box.admin("POST", "/apps/app/routes", {"method": "GET", "path": "/it", "script": "it"})
    box.call("GET", "/run/app/it")
    box.call("GET", "/run/app/it", headers={"Prefer": "respond-async"})
    while len(box.admin("GET", "/apps/app/executions")["items"]) < 2:
        time.sleep(0.1)
    make_triggers(box)
    box.connection.close()


def make_triggers(box: Box) -> None:
    """100, of all kinds; none is due."""
    for number in range(100 // len(TRIGGERS)):
        for kind, fields in TRIGGERS.items():
            named = {
                name: f"{value}{number}" if name in ("queue", "collection_glob") else value
                for name, value in fields.items()
            }
            box.admin("POST", f"/apps/app/triggers/{kind}", {"script": "it", **named})


def main(seconds: int) -> None:
    with (
        counting_server() as cluster,
        served_on(cluster) as counted,
        served() as embedded,
        bare_waitress() as waitress,
    ):
        url = make_url(cluster.url)
        statements = psycopg2.connect(url.set(drivername="postgresql").render_as_string(hide_password=False))
        statements.autocommit = True
        cursor = statements.cursor()
        for box in (counted, embedded):
            exercise(box)
        time.sleep(CALM_S)
        cursor.execute(CALLS)
        calls = cursor.fetchone()[0]
        before = [by_part(counted), by_part(embedded), {"": switches(waitress)}]
        time.sleep(seconds)
        after = [by_part(counted), by_part(embedded), {"": switches(waitress)}]
        cursor.execute(CALLS)
        print(
            f"in {seconds} s with 100 triggers and nothing due (target: 0 statements, and no more switches than waitress)"
        )
        print(f"statements at PostgreSQL: {cursor.fetchone()[0] - calls}")
        for name, old, new in zip(("with a server", "embedded", "bare waitress"), before, after, strict=True):
            for part in new:
                print(f"context switches, {name:14} {part:22} {new[part] - old.get(part, 0):6}")
        statements.close()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 60)
