"""Events of every kind, while everything is killed, at random and at each named point of claim, run and settle.

By hand for long: FAULTS_EVENTS, FAULTS_KILLS, FAULTS_RATE (events a second), FAULTS_SEED.
"""

import os
import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import takewhile
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.faults.kills import Killer, plan, recoveries, table
from tests.faults.launched import Launched
from tests.faults.mix import Mix, offers
from tests.faults.supervision import supervised
from tests.faults.truth import judge, look, wait_until_empty

EVENTS = int(os.environ.get("FAULTS_EVENTS", "600"))
KILLS = int(os.environ.get("FAULTS_KILLS", "24"))
RATE = float(os.environ.get("FAULTS_RATE", "12"))
SEED = int(os.environ.get("FAULTS_SEED", "20261122"))
SENDERS = 8
RUN_MS = (0, 30)
STUCK_S = 90.0
"""Longer than a paused script or a lease rests."""
LIMIT_S = 900 + 4 * EVENTS / RATE

pytestmark = [pytest.mark.faults, pytest.mark.timeout(LIMIT_S), pytest.mark.xdist_group("faults")]


def test_nothing_is_lost_doubled_or_stuck(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = random.Random(SEED)
    wanted = offers(rng, 20 * EVENTS, run_ms=RUN_MS, kinds=("email", "email", "kv", "kv", "http", "call"))
    names = plan(rng, KILLS)
    serving = Launched(
        tmp_path,
        PICLOUD_SANDBOX_WORKERS="3",
        PICLOUD_TRIGGER_BACKOFF_BASE_S="0.2",
        PICLOUD_TRIGGER_BACKOFF_CAP_S="1",
        PICLOUD_TRIGGER_MAX_ATTEMPTS="10",
    )
    with supervised(serving):
        mix, killer = Mix(serving), Killer(serving)
        begun = time.monotonic()
        with ThreadPoolExecutor(1) as driver:
            killed = driver.submit(killer.carry_out, names, rng, lambda: mix.done / EVENTS)
            # Until each kill has had its chance, however long it took.
            going_on = takewhile(lambda _: mix.done < EVENTS or not killed.done(), wanted)
            mix.offer_all(going_on, senders=SENDERS, rate=RATE)
            killed.result()
        took_s = time.monotonic() - begun
        left = wait_until_empty(serving.engine, mix.app_id, STUCK_S)
        seen = look(serving.engine, mix.app_id, mix.accepted, mix.offered)
        with serving.engine.connect() as connection:
            query = text("SELECT status, extract(epoch FROM started_at) FROM executions")
            runs = [(status, float(at)) for status, at in connection.execute(query)]
        with capsys.disabled():
            print(f"\n{len(seen.events)} events and {len(killer.kills)} kills in {took_s:.0f} s, seed {SEED}")
            print(f"answers {dict(mix.answers)}; runs {dict(Counter(status for status, _ in runs))}")
            print(f"dead letters {sum(seen.dead.values())}; points not reached {killer.missed}")
            print(table(recoveries(killer.kills, [at for status, at in runs if status == "ok"])))
        assert left == 0, f"{left} deliveries are stuck"
        assert judge(seen) == []
        assert all(answer.split()[-1] in ("200", "202", "502", "503") for answer in mix.answers if answer[-1].isdigit())
        assert {kill.name for kill in killer.kills} == set(names), "some kills never happened"
