"""Runs a script of an app in the sandbox pool."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from threading import Event
from typing import Any, Protocol
from uuid import UUID

import msgspec

from picloud.domain.ids import uuid7
from picloud.sandbox_pool.job import Job
from picloud.sandbox_pool.limits import Limits
from picloud.sandbox_pool.outcome import Outcome
from picloud.sandbox_pool.pool import Pool
from picloud.services.code.app_code import AppCode
from picloud.services.code.call_log import CallLog
from picloud.services.code.limits import instance_limits, narrowed
from picloud.settings import Settings

_PER_EVENT = "per_event"
_encode = msgspec.json.Encoder().encode


class Host(Protocol):
    """Answers the calls of a run: see `picloud.sandbox_pool.driver.HostCalls`."""

    def __call__(self, verb: str, args: Mapping[str, Any]) -> Any: ...

    def bound(self, wall_s: float) -> None:
        """Told before the run: how long it may take."""


@dataclass(frozen=True, slots=True)
class RunResult:
    """One run, as it was. `id` is the execution's."""

    id: UUID
    app_id: UUID
    script_id: UUID
    script: str
    version: int
    started_at: datetime
    outcome: Outcome


class Runner:
    """Safe for threads. Knows no database: a run holds no transaction."""

    def __init__(self, pool: Pool, settings: Settings) -> None:
        self._pool = pool
        self._instance = instance_limits(settings)
        self.used = Event()
        """Set by every run. Who wants to know of the next one clears it."""

    def run(
        self,
        app: AppCode,
        script_id: UUID,
        *,
        event: Mapping[str, Any],
        principal: str | None,
        wall_ms: int,
        wait_s: float | None,
        host: Host | None = None,
    ) -> RunResult:
        """Run the active version of an endpoint script. Waits for a worker for at most `wait_s`; None: in a call of
        another run, which waits for this one and lends it its place.

        `event` holds `id`, `kind`, `attempt`, `occurred_at`, `trace_id`, `depth` and the part named after the kind; a
        part that is JSON already may be a `msgspec.Raw`. `principal` is what `ctx.principal` shows: an email address.
        Raises Busy, and NotFound where the app has no such endpoint.
        """
        self.used.set()
        code = app.bundle(script_id)
        script = app.scripts[script_id]
        context = {"app": app.slug, "script": script.name, "version": script.version, "principal": principal}
        limits = _limits(**narrowed(self._instance | {"wall_ms": wall_ms}, app.limits, script.limits))
        job = Job(str(app.app_id), code, _encode(event), context, limits, app.isolation == _PER_EVENT)
        if host is not None:
            host.bound(limits.wall_ms / 1000)
        started_at = datetime.now(UTC)
        calls = CallLog(host) if host is not None else None
        outcome = self._pool.run_below(job, calls) if wait_s is None else self._pool.run(job, calls, wait_s=wait_s)
        outcome.host_calls = calls.calls if calls else []
        return RunResult(uuid7(), app.app_id, script_id, script.name, script.version, started_at, outcome)


@lru_cache(maxsize=1024)
def _limits(
    *, cpu_ms: int, wall_ms: int, memory_bytes: int, output_bytes: int, log_bytes: int, concurrency: int = 0
) -> Limits:
    """Few differ, and checking them takes longer than looking them up. `concurrency` is heeded by the claim."""
    return Limits(max(1, cpu_ms), max(1, wall_ms), max(1, memory_bytes), max(1, output_bytes), max(1, log_bytes))
