"""A pool on a real executor, and a short way to run a script in it."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from picloud.sandbox_pool.executor import Executor
from picloud.sandbox_pool.job import CodeBundle, Job
from picloud.sandbox_pool.limits import Limits
from picloud.sandbox_pool.outcome import Outcome
from picloud.sandbox_pool.pool import HostCalls, Pool

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

RunScript = Callable[..., Outcome]


def make_job(
    source: str,
    *,
    app: str = "app",
    kind: str = "manual",
    limits: Limits = Limits(),  # noqa: B008  frozen
    modules: Mapping[str, str] | None = None,
    per_event: bool = False,
    part: Mapping[str, Any] | None = None,
) -> Job:
    event = {
        "id": "0193",
        "kind": kind,
        "attempt": 1,
        "occurred_at": "2026-11-22T10:00:00Z",
        "trace_id": "t",
        "depth": 0,
        kind: part or {},
    }
    sources = {"main": source, **(modules or {})}
    code = CodeBundle(json.dumps(sources), "main", sources)
    context = {"app": app, "script": "main", "version": 3, "principal": "ada@example.com"}
    return Job(app, code, json.dumps(event).encode(), context, limits, per_event)


def runner(pool: Pool) -> RunScript:
    def run(source: str, host: HostCalls | None = None, **options: Any) -> Outcome:
        return pool.run(make_job(source, **options), host, wait_s=20)

    return run


@pytest.fixture(scope="session")
def executor() -> Iterator[Executor]:
    executor = Executor()
    yield executor
    executor.close()


@pytest.fixture(scope="session")
def pool(executor: Executor) -> Iterator[Pool]:
    pool = Pool(executor, size=2, spares=1)
    yield pool
    pool.close()


@pytest.fixture(scope="session")
def run(pool: Pool) -> RunScript:
    return runner(pool)


@pytest.fixture(scope="session")
def raw_run() -> Iterator[RunScript]:
    """Runs scripts as plain, unrestricted Python: what is left is what the kernel enforces."""
    executor = Executor("raw_zygote", (str(HERE),))
    pool = Pool(executor, size=2, spares=1)
    yield runner(pool)
    pool.close()
    executor.close()
