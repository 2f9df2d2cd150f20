"""Over thousands of events and many kills: no descriptor, process or memory is left behind."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from picloud.sandbox_pool.executor import Executor
from picloud.sandbox_pool.limits import MIB, Limits
from picloud.sandbox_pool.outcome import Status
from picloud.sandbox_pool.pool import Pool, Tripped
from tests.sandbox.kit import make_job, runner

CYCLES = """
import json
class Node:
    def __init__(self):
        self.me = self
        self.data = 'x' * 10_000
def handler(ctx):
    nodes = [Node() for _ in range(5)]
    print(len(nodes))
    return json.loads(json.dumps({'n': len(nodes)}))
"""
DEATH = "def handler(ctx):\n    return 'x' * 10**10"
FINE = "def handler(ctx):\n    return 1"
OTHERS = 12
"""Descriptors that the rest of the process may open meanwhile: pools and connections of other tests live on in it."""


@pytest.fixture
def pool() -> Iterator[Pool]:
    executor = Executor()
    pool = Pool(executor, size=2, spares=1)
    yield pool
    pool.close()
    executor.close()


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def descendants(pool: Pool) -> int:
    pid = pool._executor.pid
    (zygote,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return len(Path(f"/proc/{zygote}/task/{zygote}/children").read_text().split())


def settle(pool: Pool) -> None:
    """Until the housekeeper has nothing left to do."""
    while pool._seats.untidy():
        time.sleep(0.001)


def test_five_thousand_events_leave_nothing_behind(pool: Pool) -> None:
    job = make_job(CYCLES)
    pool.run(job, wait_s=60)
    settle(pool)
    descriptors, processes = open_descriptors(), descendants(pool)
    assert all(pool.run(job, wait_s=60).status is Status.ok for _ in range(5_000))
    settle(pool)
    assert open_descriptors() - descriptors <= OTHERS
    assert descendants(pool) == processes
    (seat,) = pool._seats._idle
    assert seat.events < 1_000  # recycled on the way
    assert seat.worker.size_bytes - seat.worker.base_bytes < 8 * MIB


def test_a_hundred_deaths_leave_nothing_behind(pool: Pool) -> None:
    runner(pool)(FINE)
    settle(pool)
    descriptors, processes = open_descriptors(), descendants(pool)
    for number in range(100):
        assert runner(pool)(DEATH + "\n" * number).status is Status.memory
        assert runner(pool)(FINE, app="another").status is Status.ok
    runner(pool)(FINE)
    settle(pool)
    assert open_descriptors() - descriptors <= 3 + OTHERS  # one more app is loaded: a worker has three
    assert descendants(pool) - processes <= 1


def test_a_script_that_keeps_killing_must_wait_and_others_need_not(pool: Pool) -> None:
    run = runner(pool)
    for _ in range(5):
        assert run(DEATH).status is Status.memory
    with pytest.raises(Tripped, match=r"^paused after repeated kills; the script may run again in \d+ s$") as tripped:
        run(DEATH)
    assert 0 < tripped.value.retry_after_s <= 5
    assert run(FINE).status is Status.ok
    assert run(DEATH, app="another").status is Status.memory
    assert run(DEATH + "\n").status is Status.memory  # a new version has a clean record


def test_too_large_answers_do_not_count_as_kills(pool: Pool) -> None:
    for _ in range(6):
        assert runner(pool)("def handler(ctx):\n    return 'x' * 2_000_000").status is Status.output


def test_a_worker_that_grew_is_not_kept(pool: Pool) -> None:
    hoard = (
        "import json\nkept = json.loads('[' + '\"' + 'x' * 25_000_000 + '\"' + ']')\ndef handler(ctx):\n    return 1"
    )
    keeps = "from functools import lru_cache\n" + hoard
    for _ in range(3):
        assert runner(pool)(keeps, limits=Limits(memory_bytes=128 * MIB)).status is Status.ok


def test_idle_means_asleep(pool: Pool) -> None:
    """No context switch of the executor, the zygote and the workers while nothing is due."""
    runner(pool)(FINE)
    settle(pool)
    pid = pool._executor.pid
    (zygote,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    workers = Path(f"/proc/{zygote}/task/{zygote}/children").read_text().split()
    assert len(workers) == 2

    def switches() -> int:
        lines = [
            line
            for process in (pid, zygote, *workers)
            for line in Path(f"/proc/{process}/status").read_text().splitlines()
        ]
        return sum(int(line.split()[1]) for line in lines if "ctxt_switches" in line)

    def quiet() -> bool:
        before = switches()
        time.sleep(0.5)
        return switches() == before

    assert any(quiet() for _ in range(6))  # the first may still see them lie down; a timer would show in each
