"""Runs a script on a given event, shows everything and keeps no effect. No execution is recorded."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from picloud.domain.kinds import HttpInTest
from picloud.sandbox_pool.outcome import Status
from picloud.services.code.app_code import AppCode
from picloud.services.code.runner import Runner, RunResult
from picloud.services.runs.app_events import Cause
from picloud.services.runs.effects import EffectsFactory
from picloud.services.runs.shown_effects import Shown, ShownEffects
from picloud.settings import Settings


@dataclass(frozen=True, slots=True)
class ScriptTest:
    """`secrets`: those that were read, to be masked in whatever is shown."""

    run: RunResult
    effects: Shown
    secrets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ScriptTests:
    """Safe for threads."""

    runner: Runner
    effects: EffectsFactory
    settings: Settings

    def run(
        self, app: AppCode, script_id: UUID, event: Mapping[str, Any], principal: str, http: HttpInTest
    ) -> ScriptTest:
        """Raises Busy, ExecutorGone, NotFound, the database's errors."""
        cause = Cause(UUID(event["trace_id"]), event["depth"])
        effects = ShownEffects(self.effects, app, cause, http)
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
            if run.outcome.status is Status.ok:
                effects.booked(run.outcome)
            effects.mask(run.outcome)
            return ScriptTest(run, effects.shown, tuple(effects.secrets_read.values()))
        finally:
            effects.close()
