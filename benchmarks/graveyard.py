"""What a claim takes while somebody holds a snapshot from before 50,000 deliveries that have ended.

python -m benchmarks.graveyard [ENDED]

Each claim takes 50 of 200 that wait, and is rolled back. First with nothing in the way, then behind what has ended: with the
marks of the low water, and without.
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path
from uuid import UUID

from sqlalchemy import Engine, text

from benchmarks.drain import database, make_script, vacuum
from picloud.dispatcher import low_water
from picloud.dispatcher.claimer import Claimer
from picloud.dispatcher.link import Link

CLAIMS, OF_EACH, WAITING = 60, 50, 200
ADD = """
    INSERT INTO outbox (id, app_id, script_id, event_id, source_kind, max_attempts, policy_attempts, backoff_base_s,
                        backoff_cap_s, timeout_s, due)
    SELECT gen_random_uuid(), :app_id, :script_id, gen_random_uuid(), 'manual', 3, 3, 1, 10, 30,
           now() + n * interval '1 microsecond' FROM generate_series(1, :count) AS n
"""


def add(engine: Engine, script: tuple[UUID, UUID], count: int) -> None:
    with engine.begin() as connection:
        connection.execute(text(ADD), {"app_id": script[0], "script_id": script[1], "count": count})


def end_all(engine: Engine) -> None:
    """As deliveries end: claimed, then gone."""
    with engine.begin() as connection:
        connection.execute(text("UPDATE outbox SET epoch = 1, due = now() + interval '30 s'"))
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM outbox"))


def claims(engine: Engine) -> tuple[float, float]:
    """Median of milliseconds for a claim, and for the look at what is due next."""
    link = Link(engine)
    link.open()
    claimer = Claimer(30)
    claim_ms, look_ms = [], []
    for number in range(CLAIMS):
        with link.cursor() as cursor:
            cursor.execute("BEGIN")
            started = time.perf_counter()
            rows = claimer.claim(cursor, link.epoch, OF_EACH)
            claimed = time.perf_counter()
            claimer.next_due_s(cursor, link.epoch)
            looked = time.perf_counter()
            cursor.execute("ROLLBACK")
        assert len(rows) == OF_EACH
        if number >= CLAIMS // 2:  # from the thousandth delivery on the marks are in use
            claim_ms.append((claimed - started) * 1000)
            look_ms.append((looked - claimed) * 1000)
    link.close()
    return statistics.median(claim_ms), statistics.median(look_ms)


def main(ended: int) -> None:
    with tempfile.TemporaryDirectory(prefix="picloud-graveyard-") as folder, database(Path(folder)) as engine:
        script = make_script(engine)
        add(engine, script, WAITING)
        vacuum(engine)
        found = {"nothing in the way": claims(engine)}
        end_all(engine)
        vacuum(engine)
        add(engine, script, ended)
        with engine.connect().execution_options(isolation_level="REPEATABLE READ") as holder:
            holder.execute(text("SET idle_in_transaction_session_timeout = 0"))
            holder.execute(text("SELECT count(*) FROM outbox"))
            end_all(engine)
            add(engine, script, WAITING)
            vacuum(engine)
            found[f"{ended} ended"] = claims(engine)
            worth_s, low_water.WORTH_S = low_water.WORTH_S, float("inf")
            found[f"{ended} ended, no marks"] = claims(engine)
            low_water.WORTH_S = worth_s
    first, with_marks, without = found.values()
    for name, (claim_ms, look_ms) in found.items():
        print(f"{name:24} claim of {OF_EACH} p50 {claim_ms:8.2f} ms   next due p50 {look_ms:8.2f} ms")
    print(
        f"with marks {with_marks[0] / first[0]:.2f} x of nothing in the way (target: 1.5), without {without[0] / first[0]:.2f} x"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50_000)
