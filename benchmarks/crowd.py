"""What a claim of 20 takes while so many deliveries of one order key wait in the same script, and what parking them would.

python -m benchmarks.crowd [WAITING]

Parked (ADR 45, not built): out of the claim's reach by `due = 'infinity'`, but for the first; the next is brought back when
that ends. Prints the processor's time that PostgreSQL takes, the pages that it reads, and the bytes of WAL.
"""

import json
import statistics
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

from sqlalchemy import Engine, text

from benchmarks.drain import database, make_script, vacuum, wal_bytes
from picloud.dispatcher.claim_sql import CLAIM
from picloud.dispatcher.claimer import Claimer
from picloud.dispatcher.link import Link
from picloud.domain.ids import uuid7

ROOM, FREE, CLAIMS = 20, 200, 30
ADD = """
    INSERT INTO outbox (id, app_id, script_id, event_id, source_kind, max_attempts, policy_attempts, backoff_base_s,
                        backoff_cap_s, timeout_s, due, trigger_id, order_key)
    SELECT gen_random_uuid(), :app_id, :script_id, gen_random_uuid(), 'queue', 3, 3, 1, 10, 30,
           now() - make_interval(hours => :hours) + n * interval '1 ms', :trigger_id, :order_key
    FROM generate_series(1, :count) AS n
"""
_FIRST = "SELECT id FROM outbox WHERE trigger_id = :trigger_id AND order_key = 'k' ORDER BY id LIMIT 1"
PARK = f"UPDATE outbox SET due = 'infinity' WHERE order_key = 'k' AND epoch IS NULL AND id > ({_FIRST})"
END = f"DELETE FROM outbox WHERE id = ({_FIRST})"
BRING_BACK = f"UPDATE outbox SET due = now() WHERE id = ({_FIRST})"


def change(engine: Engine, statement: str, **parameters: object) -> int:
    """The bytes of WAL that it took."""
    before = wal_bytes(engine)
    with engine.begin() as connection:
        connection.execute(text(statement), parameters)
    return wal_bytes(engine) - before


def claims(engine: Engine) -> tuple[float, int]:
    """Best of CLAIMS: milliseconds that the server ran, and pages. Each is rolled back."""
    link = Link(engine)
    link.open()
    claimer = Claimer(30)
    for _ in range(3):  # now the crowded keys are known
        with link.cursor() as cursor:
            cursor.execute("BEGIN")
            assert len(claimer.claim(cursor, link.epoch, ROOM)) == ROOM
            cursor.execute("ROLLBACK")
    found = [_explained(link, claimer) for _ in range(CLAIMS)]
    link.close()
    return min(ms for ms, _ in found), min(pages for _, pages in found)


def _explained(link: Link, claimer: Claimer) -> tuple[float, int]:
    arguments = (ROOM, link.epoch, 30, "-infinity", "-infinity", str(UUID(int=0)), "{}", "{}", "{}", "{}")
    values = arguments + claimer.crowds.arrays
    marks = ", ".join(["%s"] * len(values))
    with link.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) EXECUTE {CLAIM.name} ({marks})", values)
        row = cursor.fetchone()
        cursor.execute("ROLLBACK")
    assert row is not None
    [told] = row[0] if isinstance(row[0], list) else json.loads(row[0])
    return told["Execution Time"], told["Plan"]["Shared Hit Blocks"] + told["Plan"]["Shared Read Blocks"]


def measured(engine: Engine, waiting: int) -> Iterator[str]:
    app_id, script_id = make_script(engine)
    script = {"app_id": app_id, "script_id": script_id}
    trigger_id = uuid7()
    change(engine, ADD, count=FREE, hours=1, trigger_id=None, order_key=None, **script)
    vacuum(engine)
    yield f"no crowd:            {_told(claims(engine))}"
    change(engine, ADD, count=waiting, hours=2, trigger_id=trigger_id, order_key="k", **script)
    vacuum(engine)
    yield f"{waiting} of one key: {_told(claims(engine))}"
    park = change(engine, PARK, trigger_id=trigger_id)
    vacuum(engine)
    yield f"the same, parked:    {_told(claims(engine))}"
    ends = [
        (change(engine, END, trigger_id=trigger_id), change(engine, BRING_BACK, trigger_id=trigger_id))
        for _ in range(50)
    ]
    end, back = (statistics.median(column) for column in zip(*ends, strict=True))
    yield f"WAL: {park / waiting:.0f} bytes to park each, {back:.0f} to bring one back (p50), {end:.0f} to end one (p50)"


def _told(found: tuple[float, int]) -> str:
    return f"a claim of {ROOM} takes {found[0]:7.2f} ms and reads {found[1]:6} pages"


def main(waiting: int) -> None:
    with tempfile.TemporaryDirectory(prefix="picloud-crowd-") as folder, database(Path(folder)) as engine:
        for line in measured(engine, waiting):
            print(line, flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 18_000)
