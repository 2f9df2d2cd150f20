"""Runs that somebody waits for: a call by HTTP, its effects and its record."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec

from picloud.domain.kinds import EventKind
from picloud.sandbox_pool.outcome import Status
from picloud.services.code.app_code import AppCode
from picloud.services.code.runner import Runner, RunResult
from picloud.services.executions.recorder import Recorder
from picloud.services.executions.rows import ExecutionRow, execution_row, insert_executions
from picloud.services.runs.app_events import Cause
from picloud.services.runs.effects import Effects, EffectsFactory
from picloud.settings import Settings


@dataclass(frozen=True, slots=True)
class HttpRuns:
    """Safe for threads."""

    runner: Runner
    effects: EffectsFactory
    recorder: Recorder
    settings: Settings

    def run(self, app: AppCode, script_id: UUID, event: Mapping[str, Any], principal: str | None) -> RunResult:
        """Run the script. What it did through `ctx` is committed with the run's record before this returns.

        A run without effects does not wait for its record. One whose executor was restarted amid it, and of which nothing
        is to be seen, is begun anew, once. Raises Busy, ExecutorGone, NotFound, the database's errors.
        """
        if run := self._run(app, script_id, event, principal, first=True):
            return run
        run = self._run(app, script_id, event, principal, first=False)
        assert run is not None
        return run

    def _run(
        self, app: AppCode, script_id: UUID, event: Mapping[str, Any], principal: str | None, *, first: bool
    ) -> RunResult | None:
        """None for a `first` run that may be begun anew."""
        cause = Cause(UUID(event["trace_id"]), event["depth"])
        effects = self.effects.of(app, cause)
        try:
            run = self.runner.run(
                app,
                script_id,
                event=event,
                principal=principal,
                wall_ms=self.settings.handler_wall_ms,
                wait_s=self.settings.sandbox_wait_s,
                host=effects,
            )
            if first and run.outcome.executor_gone and not effects.asked_outside:
                return None
            effects.mask(run.outcome)
            if not self._committed(run, event, effects):
                self.recorder.add(_row(run, event))
            return run
        finally:
            effects.close()

    def _committed(self, run: RunResult, event: Mapping[str, Any], effects: Effects) -> bool:
        """Whether there was something to commit, and all of it is."""
        if effects.session is None or run.outcome.status is not Status.ok:
            return False
        if not effects.booked(run.outcome):
            return False
        row = _row(run, event)
        with effects.cursor() as cursor:
            insert_executions(cursor, [row])
        effects.session.commit()
        self.recorder.recorded([row])
        return True


def _row(run: RunResult, event: Mapping[str, Any]) -> ExecutionRow:
    return execution_row(
        run,
        kind=EventKind.HTTP,
        event_id=event["id"],
        trace_id=event["trace_id"],
        event=msgspec.json.encode(event),
    )
