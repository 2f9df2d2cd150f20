"""Workers, zygote and executor are killed in the middle of a run: the caller learns at once, and the next run works."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from picloud.sandbox_pool.executor import Executor, ExecutorGone
from picloud.sandbox_pool.outcome import Outcome, Status
from picloud.sandbox_pool.pool import Pool
from tests.sandbox.kit import RunScript, make_job, runner

WAITING = "import time\ndef handler(ctx):\n    ctx.kv('x').get('y')\n    time.sleep(25)"
FINE = "def handler(ctx):\n    return 1"


@pytest.fixture
def own_pool() -> Iterator[Pool]:
    """A pool on an executor of its own, that may be killed."""
    executor = Executor()
    pool = Pool(executor, size=2, spares=1)
    yield pool
    pool.close()
    executor.close()


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def run_and_kill(pool: Pool, victim: str, number: signal.Signals) -> Outcome:
    outcomes: list[Outcome] = []
    inside = threading.Event()
    go_on = threading.Event()

    def host(verb: str, args: object) -> None:
        inside.set()
        go_on.wait(60)

    thread = threading.Thread(target=lambda: outcomes.append(pool.run(make_job(WAITING), host, wait_s=60)))
    thread.start()
    assert inside.wait(60)
    executor_pid = pool._executor.pid
    assert executor_pid is not None
    (zygote_pid,) = children(executor_pid)
    (running,) = pool._seats._running
    os.kill({"executor": executor_pid, "zygote": zygote_pid, "worker": running.worker.pid}[victim], number)
    go_on.set()
    thread.join(60)
    assert not thread.is_alive()
    return outcomes[0]


@pytest.mark.parametrize("victim", ["worker", "zygote", "executor"])
def test_killed_during_a_run(own_pool: Pool, victim: str) -> None:
    outcome = run_and_kill(own_pool, victim, signal.SIGKILL)
    assert outcome.status is Status.crash
    assert outcome.error is not None
    for _ in range(3):
        assert runner(own_pool)(FINE).status is Status.ok


def test_segfault_is_a_crash(own_pool: Pool) -> None:
    outcome = run_and_kill(own_pool, "worker", signal.SIGSEGV)
    assert outcome.status is Status.crash
    assert outcome.error is not None
    assert "SIGSEGV" in outcome.error.message


def test_a_real_segfault(raw_run: RunScript) -> None:
    outcome = raw_run("import ctypes\ndef handler(ctx):\n    ctypes.string_at(1)")
    assert outcome.status is Status.crash
    assert outcome.cpu_ms > 0


@pytest.mark.parametrize("victim", ["zygote", "executor"])
def test_killed_while_idle(own_pool: Pool, victim: str) -> None:
    run = runner(own_pool)
    assert run(FINE).status is Status.ok
    executor_pid = own_pool._executor.pid
    assert executor_pid is not None
    os.kill(executor_pid if victim == "executor" else children(executor_pid)[0], signal.SIGKILL)
    while own_pool._executor.pid == executor_pid:
        time.sleep(0.001)
    while (outcome := run(FINE)).executor_gone:  # by a worker of the old one that had not ended yet
        pass
    assert outcome.status is Status.ok


def test_an_idle_worker_that_died_is_replaced(own_pool: Pool) -> None:
    run = runner(own_pool)
    run(FINE)
    own_pool._seats._idle[0].worker.kill()
    assert run(FINE).status is Status.ok


def test_everything_ends_with_the_control_socket() -> None:
    executor = Executor()
    worker = executor.spawn(1 << 26)
    worker.child._control.close()
    assert worker.child._process.wait(60) is not None
    worker.kill()
    assert not worker.alive()
    worker.close()
    executor.close()
    with pytest.raises(ExecutorGone):
        executor.spawn(1 << 26)


@pytest.mark.parametrize("failure", [Exception, OSError, EOFError, TimeoutError, ValueError])
def test_what_the_host_raises_ends_the_run(own_pool: Pool, failure: type[Exception]) -> None:
    class LeaseLost(failure):  # type: ignore[misc, valid-type]
        pass

    def host(verb: str, args: object) -> None:
        raise LeaseLost

    with pytest.raises(LeaseLost):
        own_pool.run(make_job(WAITING), host, wait_s=60)
    assert runner(own_pool)(FINE).status is Status.ok
