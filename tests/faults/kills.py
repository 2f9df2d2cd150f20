"""What is killed, when, and how long it takes until deliveries run again."""

import random
import signal
import statistics
import time
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from tests.faults.launched import Launched
from tests.faults.points import POINTS
from tests.functional.serving import Child

READY_S = 120.0
POINT_S = 5.0
"""So long a trap waits."""
TRIES = 3
"""What could not be killed in so many is counted as missed."""
_POLL_S = 0.02
_PACE_S = 0.1


@dataclass(frozen=True)
class Kill:
    """`returned`: for PostgreSQL, when it took connections again. Unix times in seconds."""

    name: str
    at: float
    returned: float | None = None


def loaded_worker(serving: Launched) -> Child:
    return max(serving.workers, key=lambda worker: worker.cpu_s)


CHILDREN: dict[str, tuple[Callable[[Launched], Child], signal.Signals]] = {
    "a worker": (loaded_worker, signal.SIGKILL),
    "the zygote": (lambda serving: serving.zygote, signal.SIGKILL),
    "the executor": (lambda serving: serving.executor, signal.SIGKILL),
    "picloud serve": (lambda serving: serving.itself, signal.SIGKILL),
    "PostgreSQL, SIGKILL": (lambda serving: serving.postmasters[0], signal.SIGKILL),
    "PostgreSQL, immediate": (lambda serving: serving.postmasters[0], signal.SIGQUIT),
}
_WEIGHTS = {"a worker": 42, "the zygote": 10, "the executor": 10, "picloud serve": 6}
_WEIGHTS |= {"PostgreSQL, SIGKILL": 4, "PostgreSQL, immediate": 4}
_POINTS_WEIGHT = 24


def plan(rng: random.Random, count: int) -> list[str]:
    """Names of children and points, in the order in which they are to be killed. Each is there, if `count` allows."""
    names = [*POINTS, *CHILDREN]
    weights = [*([_POINTS_WEIGHT / len(POINTS)] * len(POINTS)), *(_WEIGHTS[name] for name in CHILDREN)]
    chosen = (names + rng.choices(names, weights, k=max(0, count - len(names))))[:count]
    rng.shuffle(chosen)
    return chosen


class Killer:
    """Kills what the plan names, one by one, each when the last has been got over."""

    def __init__(self, serving: Launched) -> None:
        self._serving = serving
        self.kills: list[Kill] = []
        self.missed: list[str] = []

    def carry_out(self, names: Sequence[str], rng: random.Random, progress: Callable[[], float]) -> None:
        """`progress` goes from 0 to 1; the kills are spread evenly over it, but for a moment of chance."""
        for number, name in enumerate(names):
            while progress() < number / len(names):
                time.sleep(_PACE_S)
            time.sleep(rng.uniform(0, 2 * _PACE_S))
            tries = (self._at_point(name) if name in POINTS else self._child(name) for _ in range(TRIES))
            kill = next(filter(None, tries), None)
            if kill is None:
                self.missed.append(name)
            else:
                self.kills.append(kill)
                self._until_ready()

    def _child(self, name: str) -> Kill | None:
        find, number = CHILDREN[name]
        with suppress(ValueError, IndexError, AssertionError):  # it is just being started
            child = find(self._serving)
            at = time.time()
            child.send(number)
            return Kill(name, at, self._return() if name.startswith("PostgreSQL") else None)
        return None

    def _at_point(self, name: str) -> Kill | None:
        traps = self._serving.traps
        traps.set(name, signal.SIGKILL)
        deadline = time.monotonic() + POINT_S
        while (at := traps.sprung(name)) is None and time.monotonic() < deadline:
            time.sleep(_POLL_S)
        if at is None and traps.remove(name):
            return None
        return Kill(name, at or time.time())

    def _return(self) -> float:
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline:
            with suppress(OperationalError), self._serving.engine.connect() as connection:
                connection.execute(text("SELECT 1"))
                return time.time()
            time.sleep(_POLL_S)
        raise AssertionError(f"PostgreSQL did not return in {READY_S} s")

    def _until_ready(self) -> None:
        deadline = time.monotonic() + READY_S
        while not self._serving.is_ready():
            assert time.monotonic() < deadline, f"not ready in {READY_S} s: {self._serving.log[-3000:]}"
            time.sleep(_POLL_S)


def recoveries(kills: Sequence[Kill], started: Sequence[float]) -> dict[str, list[float]]:
    """Seconds until a run that ended well started, by what was killed. `started`: Unix times."""
    begun = sorted(started)
    found: dict[str, list[float]] = defaultdict(list)
    for kill in kills:
        after = bisect_right(begun, kill.at)
        if after < len(begun):
            found[kill.name].append(begun[after] - kill.at)
        if kill.returned is not None:
            again = bisect_right(begun, kill.returned)
            if again < len(begun):
                found[kill.name + ", since its return"].append(begun[again] - kill.returned)
    return found


def table(found: dict[str, list[float]]) -> str:
    """One line for each: how often, p50 and the longest."""
    lines = (
        f"{name:45} {len(times):4}  p50 {statistics.median(times):6.2f} s  max {max(times):6.2f} s"
        for name, times in sorted(found.items())
    )
    return "\n".join(lines)
