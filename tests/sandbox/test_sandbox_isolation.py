"""Nothing goes from one event to the next, or from one app to another."""

import json
import threading

import pytest

from picloud.sandbox_pool.executor import Executor
from picloud.sandbox_pool.limits import Limits
from picloud.sandbox_pool.outcome import Status
from picloud.sandbox_pool.pool import Busy, Pool
from tests.sandbox.kit import RunScript, make_job

COUNT = "n = 0\nseen = []\ndef handler(ctx):\n    global n\n    n += 1\n    seen.append(ctx.event.id)\n    return [n, len(seen)]"


SLEEPER = "import time\ndef handler(ctx):\n    ctx.kv('x').get('y')\n    time.sleep(60)"


def test_globals_are_fresh_for_every_event(run: RunScript) -> None:
    assert [run(COUNT).result for _ in range(3)] == [b"[1,1]"] * 3


def test_globals_of_modules_are_fresh_too(run: RunScript) -> None:
    source = "import shared\ndef handler(ctx):\n    shared.seen.append(1)\n    return len(shared.seen)"
    assert [run(source, modules={"shared": "seen = []"}).result for _ in range(3)] == [b"1"] * 3


@pytest.mark.parametrize("isolation", ["reuse", "per_event"])
def test_workers_are_reused_unless_asked_otherwise(raw_run: RunScript, isolation: str) -> None:
    source = "def handler(ctx):\n    before = getattr(worker, 'mark', None)\n    worker.mark = 1\n    return before"
    results = [raw_run(source, app=isolation, per_event=isolation == "per_event").result for _ in range(3)]
    assert results == ([b"null", b"1", b"1"] if isolation == "reuse" else [b"null"] * 3)


def test_a_worker_belongs_to_one_app(raw_run: RunScript) -> None:
    source = "def handler(ctx):\n    worker.apps = getattr(worker, 'apps', []) + [ctx.app]\n    return worker.apps"
    seen = [json.loads(raw_run(source, app=app).result or b"") for app in ("one", "two", "three", "one", "two")]
    assert all(set(apps) == {apps[-1]} for apps in seen)


def test_a_changed_source_gets_another_worker(raw_run: RunScript) -> None:
    source = "def handler(ctx):\n    before = getattr(worker, 'mark', None)\n    worker.mark = 1\n    return before"
    assert raw_run(source, app="versions").result == b"null"
    assert raw_run(source + "\n", app="versions").result == b"null"


def test_state_of_the_process_does_not_reach_the_next_event(run: RunScript) -> None:
    seeded = "import random\ndef handler(ctx):\n    random.seed(1)\n    return random.random()"
    plain = "import random\ndef handler(ctx):\n    return random.random()"
    assert run(seeded).result == run(seeded).result
    assert len({run(plain).result for _ in range(5)}) == 5
    precise = (
        "from decimal import getcontext\ndef handler(ctx):\n"
        "    old = getcontext().prec\n    getcontext().prec = 5\n    return old"
    )
    assert [run(precise).result for _ in range(3)] == [b"28"] * 3


def test_random_differs_between_workers(run: RunScript) -> None:
    source = "import random, uuid\ndef handler(ctx):\n    return [random.random(), str(uuid.uuid4())]"
    assert len({run(source, per_event=True).result for _ in range(4)}) == 4


def test_busy_when_no_worker_is_free(executor: Executor) -> None:
    pool = Pool(executor, size=1, spares=0)
    try:
        sleeper = make_job("def handler(ctx):\n    ctx.kv('x').get('y')\n    return 1", limits=Limits(wall_ms=120_000))
        entered, go_on = threading.Event(), threading.Event()

        def host(verb: str, args: object) -> None:
            entered.set()
            go_on.wait(60)

        thread = threading.Thread(target=pool.run, args=(sleeper, host), kwargs={"wait_s": 5})
        thread.start()
        assert entered.wait(60)
        with pytest.raises(Busy):
            pool.run(make_job("def handler(ctx):\n    return 1"), wait_s=0.01)
        go_on.set()
        assert pool.run(make_job("def handler(ctx):\n    return 1"), wait_s=60).status is Status.ok
        thread.join()
    finally:
        pool.close()


def test_runs_go_on_side_by_side(executor: Executor) -> None:
    pool = Pool(executor, size=3, spares=1)
    barrier = threading.Barrier(3, timeout=60)
    outcomes = []

    def host(verb: str, args: object) -> None:
        barrier.wait()

    def call(app: str) -> None:
        source = "def handler(ctx):\n    ctx.kv('x').get('y')\n    return ctx.app"
        outcomes.append(pool.run(make_job(source, app=app), host, wait_s=60))

    threads = [threading.Thread(target=call, args=(f"app {n}",)) for n in range(3)]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(outcome.result or b"" for outcome in outcomes) == [b'"app 0"', b'"app 1"', b'"app 2"']
    finally:
        pool.close()
