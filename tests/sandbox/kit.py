"""A short way to run a script in a pool."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from picloud.sandbox_pool.job import CodeBundle, Job
from picloud.sandbox_pool.limits import Limits
from picloud.sandbox_pool.outcome import Outcome
from picloud.sandbox_pool.pool import HostCalls, Pool

HERE = Path(__file__).parent

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
        return pool.run(make_job(source, **options), host, wait_s=60)

    return run
