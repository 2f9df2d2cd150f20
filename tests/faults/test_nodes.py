"""Two nodes on one database: one dies, or hangs past its lease and goes on; one has a wrong clock."""

import functools
import random
import signal
import statistics
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import cycle, takewhile
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from tests.faults.conftest import MakeNodes
from tests.faults.launched import Launched
from tests.faults.mix import Mix, Offer, offers
from tests.faults.truth import judge, look, wait_until_empty
from tests.functional.client import eventually

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600), pytest.mark.xdist_group("faults")]

SEED = 20_261_123
DEATHS = 5
LEASE_S = 3
STUCK_S = 90.0
LIVELY = {"PICLOUD_SANDBOX_WORKERS": "2", "PICLOUD_TRIGGER_BACKOFF_BASE_S": "0.2", "PICLOUD_TRIGGER_BACKOFF_CAP_S": "1"}
STOPS = (
    "claim committed, not submitted",
    "submitted, not run",
    "run, not settled",
    "settled, not committed",
    "effects settled, not committed",
)
COMMITTED = "event committed, not answered"
COUNTED = "SELECT value FROM kv_entries WHERE key = :key"
FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
AN_HOUR_AHEAD = {"LD_PRELOAD": str(FAKETIME), "FAKETIME": "+3600s", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


def rows(node: Launched, query: str, **parameters: Any) -> list[Any]:
    with node.engine.connect() as connection:
        return list(connection.execute(text(query), parameters))


def lost(node: Launched) -> list[float]:
    """When attempts were found to be lost, in Unix time."""
    return [
        float(at) for (at,) in rows(node, "SELECT extract(epoch FROM started_at) FROM executions WHERE status = 'lost'")
    ]


def announce(node: Launched) -> None:
    """What the other one would have said, had it not been stopped before it could."""
    with node.engine.begin() as connection:
        connection.execute(text("SELECT pg_notify('picloud_outbox', '')"))


def found_after(node: Launched, at: float) -> float:
    """When the first attempt was found to be lost that was so after `at`."""
    return float(min(eventually(lambda: [found for found in lost(node) if found > at])))


@contextmanager
def standing_still(node: Launched, point: str) -> Iterator[None]:
    """From when the node falls into the trap at the point to the end of the block."""
    eventually(lambda: node.traps.sprung(point))
    try:
        yield
    finally:
        node.itself.send(signal.SIGCONT)


def test_what_a_killed_node_held_runs_on_the_other_at_once(
    nodes: MakeNodes, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = nodes({}, {}, **LIVELY)
    mix = Mix(first, second)
    rng = random.Random(SEED)
    times: list[float] = []
    with ThreadPoolExecutor(1) as clients:
        wanted = takewhile(lambda _: len(times) < DEATHS, offers(rng, 10_000, run_ms=(100, 300), kinds=("email", "kv")))
        sent = clients.submit(mix.offer_all, wanted, senders=4, rate=8)
        for _ in range(DEATHS):
            eventually(first.is_ready)
            time.sleep(rng.uniform(2, 3))
            first.traps.set("submitted, not run", signal.SIGKILL)
            at = eventually(lambda: first.traps.sprung("submitted, not run"))
            times.append(found_after(second, at) - at)
        sent.result()
    assert wait_until_empty(first.engine, mix.app_id, STUCK_S) == 0
    assert judge(look(first.engine, mix.app_id, mix.accepted, mix.offered)) == []
    with capsys.disabled():
        print(f"\na node of two was killed {DEATHS} times; what it held was run by the other after", end=" ")
        print(f"p50 {statistics.median(times):.2f} s, max {max(times):.2f} s")
    assert statistics.median(times) < 10, "a third of a lease: nobody has seen the deaths"


@pytest.mark.skipif(FAKETIME is None, reason="libfaketime is not installed")
def test_a_wrong_clock_a_hanging_node_and_an_old_snapshot_change_nothing(nodes: MakeNodes) -> None:
    first, second = nodes({}, AN_HOUR_AHEAD, PICLOUD_LEASE_S=str(LEASE_S), **LIVELY)
    mix = Mix(first, second)
    over = threading.Event()
    mixed = offers(random.Random(SEED), 10_000, run_ms=(0, 100), kinds=("email", "kv", "http", "call"))
    wanted = takewhile(lambda _: not over.is_set(), mixed)
    with first.engine.connect() as held, ThreadPoolExecutor(1) as clients:
        held.execution_options(isolation_level="REPEATABLE READ").execute(text("SELECT count(*) FROM events"))
        sent = clients.submit(mix.offer_all, wanted, senders=8, rate=12)
        try:
            for number, point in enumerate(cycle(STOPS)):
                # On a machine that is held up the other may have found nothing in time: once more, then.
                if number >= len(STOPS) and lost(first):
                    break
                node = (first, second)[number % 2]
                node.traps.set(point, signal.SIGSTOP)
                with standing_still(node, point):
                    time.sleep(1.5 * LEASE_S)
        finally:
            over.set()
        sent.result()
        assert wait_until_empty(first.engine, mix.app_id, STUCK_S) == 0
    assert judge(look(first.engine, mix.app_id, mix.accepted, mix.offered)) == []


@pytest.mark.parametrize(
    ("environ", "times"), [({}, 1), ({"FAULTS_NO_FENCE": "1"}, 2)], ids=["with the fence", "without it"]
)
def test_the_fence_is_what_keeps_effects_from_being_doubled_and_the_check_sees_it(
    nodes: MakeNodes, environ: dict[str, str], times: int
) -> None:
    first, second = nodes({}, {}, PICLOUD_LEASE_S=str(LEASE_S), **environ, **LIVELY)
    mix = Mix(first, cron=False)
    key = "1.0.ok.0"
    point, late = "submitted, not run", "effects settled, not committed"
    first.traps.set(point, signal.SIGSTOP)
    first.traps.set(late, signal.SIGCONT)  # does nothing but tell that it was there
    with ThreadPoolExecutor(1) as clients:
        clients.submit(mix.offer, Offer("email", key))
        with standing_still(first, point):
            announce(second)
            eventually(lambda: rows(second, "SELECT status FROM executions WHERE status = 'ok'"))
        eventually(lambda: first.traps.sprung(late))
    if times > 1:
        eventually(lambda: len(rows(second, "SELECT status FROM executions WHERE status = 'ok'")) == times)
    seen = look(second.engine, mix.app_id, mix.accepted, mix.offered)
    assert seen.counts[f"email:{key}"] == times
    wrong = judge(seen)
    assert bool(wrong) == (times > 1)
    if wrong:
        assert f"email {key} ended well 2 times and badly 0 times" in wrong
        assert f"email:{key} was counted 2 times, not 1" in wrong


def test_what_a_node_committed_just_before_it_hung_runs_on_the_other(nodes: MakeNodes) -> None:
    """It could neither claim nor announce that; and it lives, so nobody takes anything from it."""
    first, second = nodes({}, {}, **LIVELY)
    mix = Mix(first, cron=False)
    for key in ("1.0.ok.0", "2.0.ok.0"):  # the second may be covered by the promise of the first
        first.traps.set(COMMITTED, signal.SIGSTOP)
        with ThreadPoolExecutor(1) as client:
            client.submit(mix.offer, Offer("email", key))
            with standing_still(first, COMMITTED):
                eventually(functools.partial(rows, second, COUNTED, key=f"email:{key}"))
    assert judge(look(second.engine, mix.app_id, mix.accepted, mix.offered)) == []
