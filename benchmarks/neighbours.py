"""What an ordinary app notices of one beside it that kills its workers, 100 times in a row.

python -m benchmarks.neighbours [ROUNDS]

The spread is that of the app alone, in rounds of the same length between those beside the killer. `one script` is what
happens on a box: after five kills the breaker makes the script wait. `many scripts` is the worst: they take turns, so that
each has its kills before its breaker opens.
"""

import statistics
import sys
import threading
import time
from uuid import uuid4

from benchmarks.dispatch import make_job
from picloud.sandbox_pool.executor import Executor
from picloud.sandbox_pool.pool import Pool, Tripped

KILLS = 100
FREE_KILLS = 4  # of each script within a minute, and one more opens its breaker
PAUSE_S = 0.001
"""Between two events of the ordinary app: a box that is busy but not full."""
ORDINARY = "def handler(ctx):\n    return {'sum': sum(n * n for n in range(200))}\n"
KILLER = "def handler(ctx):\n    return 'x' * 10**10\n"


class Killer:
    """Kills a worker of its own, again and again, for one round."""

    def __init__(self, pool: Pool, scripts: int) -> None:
        self._pool = pool
        self._jobs = [make_job(f"{KILLER}# {uuid4()}", app="killer") for _ in range(scripts)]
        self.kills = 0
        self.ended = threading.Event()
        if scripts > 1:
            for job in self._jobs:
                pool.run(job, wait_s=5)  # compiled before anything is measured

    def run(self) -> None:
        for number in range(KILLS):
            try:
                self._pool.run(self._jobs[number % len(self._jobs)], wait_s=5)
                self.kills += 1
            except Tripped:
                time.sleep(PAUSE_S)
        self.ended.set()


def once(pool: Pool) -> float:
    """Milliseconds of one event of the ordinary app."""
    time.sleep(PAUSE_S)
    started = time.perf_counter_ns()
    pool.run(make_job(ORDINARY, app="ordinary"), wait_s=5)
    return (time.perf_counter_ns() - started) / 1e6


def alone(pool: Pool, events: int) -> list[float]:
    return [once(pool) for _ in range(events)]


def beside(pool: Pool, killer: Killer) -> list[float]:
    thread = threading.Thread(target=killer.run)
    taken = []
    thread.start()
    while not killer.ended.is_set():
        taken.append(once(pool))
    thread.join()
    return taken


def show(name: str, rounds: list[list[float]], note: str = "") -> None:
    lines = [f"{name:34} {sum(map(len, rounds)):6} events"]
    for share in (50, 99):
        each = [statistics.quantiles(taken, n=100)[share - 1] for taken in rounds]
        lines.append(f"p{share} {statistics.median(each):6.3f} ms ({min(each):.3f} to {max(each):.3f})")
    print("  ".join(lines), note)


def main(rounds: int) -> None:
    executor = Executor()
    pool = Pool(executor, size=4, spares=1)
    alone(pool, 500)
    baseline, one_script, many_scripts = [], [], []
    kills = 0
    for _ in range(rounds):
        killer = Killer(pool, 1)
        one_script.append(beside(pool, killer))
        kills += killer.kills
        many_scripts.append(beside(pool, Killer(pool, KILLS // FREE_KILLS)))
        baseline.append(alone(pool, len(many_scripts[-1])))
    show("alone (baseline)", baseline)
    show("beside a killer, one script", one_script, f"{kills} kills")
    show("beside a killer, many scripts", many_scripts, f"{rounds * KILLS} kills")
    pool.close()
    executor.close()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
