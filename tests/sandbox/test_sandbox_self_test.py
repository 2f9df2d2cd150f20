"""Fails closed: where a required layer doesn't hold, no handler runs, and it is said which and why."""

import itertools
from collections.abc import Iterator

import pytest

from picloud.sandbox_pool import executor as executors
from picloud.sandbox_pool.executor import Executor, ExecutorGone
from picloud.sandbox_pool.outcome import Status
from picloud.sandbox_pool.pool import Pool
from picloud.sandbox_pool.process import WorkerProcess
from tests.sandbox.kit import HERE, make_job, runner

FINE = "def handler(ctx):\n    return 1"


def test_all_required_layers_hold_here(executor: Executor) -> None:
    layers = {layer.name: layer for layer in executor.layers()}
    required = [name for name, layer in layers.items() if layer.required]
    assert required == ["system calls (seccomp)", "limits (rlimits)", "privileges (no-new-privs)"]
    assert all(layers[name].holds for name in required)
    assert {"namespaces", "landlock", "memory control group"} <= layers.keys()
    assert all(layer.detail for layer in layers.values())


@pytest.fixture
def unconfined() -> Iterator[Executor]:
    executor = Executor("open_zygote", (str(HERE),))
    yield executor
    executor.close()


def test_without_a_required_layer_nothing_runs(unconfined: Executor) -> None:
    pool = Pool(unconfined, size=1, spares=1)
    with pytest.raises(ExecutorGone, match=r"can't be confined .*system calls .*switched off by a test"):
        pool.run(make_job(FINE), wait_s=60)
    with pytest.raises(ExecutorGone):
        pool.check("main", FINE, [])
    with pytest.raises(ExecutorGone):
        unconfined.layers()
    pool.close()
    broken = {layer.name for layer in unconfined.examined() if layer.required and not layer.holds}
    assert broken == {"system calls (seccomp)", "limits (rlimits)", "privileges (no-new-privs)"}


def test_unless_that_has_been_accepted() -> None:
    executor = Executor("open_zygote", (str(HERE),), accept_unconfined=True)
    pool = Pool(executor, size=1, spares=0)
    try:
        assert runner(pool)(FINE).status is Status.ok
    finally:
        pool.close()
        executor.close()


def test_bonus_layers_may_be_missing() -> None:
    executor = Executor("raw_zygote_bare", (str(HERE),))
    try:
        missing = {layer.name: layer.detail for layer in executor.layers() if not layer.holds}
        assert {"namespaces", "landlock"} <= missing.keys()
        assert "switched off by a test" in missing["landlock"]
    finally:
        executor.close()


@pytest.mark.parametrize("nth", range(1, 18, 4))
def test_a_worker_killed_during_the_self_test_is_no_verdict(nth: int) -> None:
    executor = Executor()
    spawn, count = executor._spawn, itertools.count(1)

    def spawn_and_kill(memory_bytes: int) -> WorkerProcess:
        worker = spawn(memory_bytes)
        if next(count) == nth:
            worker.kill()
        return worker

    executor._spawn = spawn_and_kill  # type: ignore[method-assign]
    try:
        assert all(layer.holds for layer in executor.layers() if layer.required)
    finally:
        executor.close()


def test_a_bad_verdict_is_looked_at_again(unconfined: Executor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executors, "EXAMINE_AGAIN_S", 0.0)
    first = unconfined.examined()
    assert unconfined._child is not None
    unconfined._child.stop()
    unconfined._new_child = Executor()._new_child
    assert first != unconfined.examined()
    assert unconfined.layers()


def test_an_executor_that_cannot_start_says_so() -> None:
    executor = Executor("no_such_module")
    with pytest.raises(ExecutorGone):
        executor.layers()
    executor.close()


def test_a_child_is_replaced_after_its_share_of_forks(monkeypatch: pytest.MonkeyPatch) -> None:
    executor = Executor()
    pool = Pool(executor, size=1, spares=0)
    try:
        assert runner(pool)(FINE).status is Status.ok
        first = executor.pid
        monkeypatch.setattr(executors, "MAX_FORKS", 1)
        assert runner(pool)(FINE + "\n").status is Status.ok
        assert executor.pid != first
        assert executor._retired == []  # the last workers of each were ended to make room
    finally:
        pool.close()
        executor.close()
