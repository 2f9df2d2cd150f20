"""The named points of claim, run, settle and intake at which a process may be killed or stopped, and where they are.

A trap is a file in the folder of traps, named after its point; its content is the signal's number. The first thread
that reaches the point takes the trap away, leaves a file of the same name and `.sprung` behind it, and sends its own
process the signal.
"""

import functools
import importlib
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

SPRUNG = ".sprung"

BEFORE, AFTER = "before", "after"

# What is called at the point; whether the point lies before or after the call.
POINTS: dict[str, tuple[str, str]] = {
    "claimed, not committed": ("picloud.dispatcher.claimer:Claimer.claim", AFTER),
    "claim committed, not submitted": ("picloud.dispatcher.runners:Runners.submit", BEFORE),
    "submitted, not run": ("picloud.services.code.runner:Runner.run", BEFORE),
    "run, not settled": ("picloud.services.code.runner:Runner.run", AFTER),
    "settled, not committed": ("picloud.dispatcher.ledger:settle", AFTER),
    "settled and committed, not reported": ("picloud.dispatcher.loop:Loop._report", BEFORE),
    "effects settled, not committed": ("picloud.dispatcher.attempt:settle", AFTER),
    "effects committed, not reported": ("picloud.dispatcher.attempt:Attempter._commit", AFTER),
    "call's effects written, not committed": ("picloud.services.runs.http_runs:insert_executions", AFTER),
    "call's effects committed, not answered": ("picloud.services.runs.http_runs:HttpRuns.run", AFTER),
    "event written, not committed": ("picloud.services.delivery.outbox:OutboxService.enqueue", AFTER),
    "event committed, not answered": ("picloud.services.sessions:_run_actions", BEFORE),
}


class Traps:
    """For the one who sets them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)

    def set(self, point: str, number: signal.Signals) -> None:
        assert point in POINTS
        self._sprung(point).unlink(missing_ok=True)
        draft = self.folder / "draft"
        draft.write_text(str(number.value))
        draft.rename(self.folder / point)

    def sprung(self, point: str) -> float | None:
        """The Unix time in seconds at which it was; None: it was not yet."""
        try:
            return self._sprung(point).stat().st_mtime
        except FileNotFoundError:
            return None

    def remove(self, point: str) -> bool:
        """Whether it was still there."""
        try:
            (self.folder / point).unlink()
        except FileNotFoundError:
            return False
        return True

    def _sprung(self, point: str) -> Path:
        return self.folder / (point + SPRUNG)


def lay(folder: Path) -> None:
    """For the process in which they are: wrap what is called at the points. Raises AttributeError for what is not there."""
    for point, (place, when) in POINTS.items():
        _wrap(place, functools.partial(_reached, folder / point), when)


def find(place: str) -> tuple[Any, str]:
    """What has the function at `module:path`, and the function's name. Raises AttributeError for what is not there."""
    module, _, path = place.partition(":")
    *owners, name = path.split(".")
    owner: Any = functools.reduce(getattr, owners, importlib.import_module(module))
    getattr(owner, name)
    return owner, name


def _wrap(place: str, reached: Callable[[], None], when: str) -> None:
    owner, name = find(place)
    wrapped = getattr(owner, name)

    @functools.wraps(wrapped)
    def call(*args: Any, **kwargs: Any) -> Any:
        if when == BEFORE:
            reached()
        result = wrapped(*args, **kwargs)
        if when == AFTER:
            reached()
        return result

    setattr(owner, name, call)


def _reached(trap: Path) -> None:
    try:
        number = int(trap.read_text())
        trap.unlink()
    except FileNotFoundError:
        return  # not set, or another thread was first
    (trap.parent / (trap.name + SPRUNG)).touch()
    os.kill(os.getpid(), number)
    time.sleep(0.1)  # the signal may take another thread
