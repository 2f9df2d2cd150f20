"""One attempt at a delivery, from the claimed row to its end."""

import logging
import random
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Engine

from picloud.dispatcher.claim import LOST, Claimed, load_payload
from picloud.dispatcher.mourning import letters
from picloud.dispatcher.settle import Ended, settle
from picloud.dispatcher.verdict import Dead, Delivered, PutBack, judge
from picloud.domain.errors import NotFound
from picloud.domain.ids import uuid7
from picloud.sandbox_pool.executor import ExecutorGone
from picloud.sandbox_pool.limits import Limits
from picloud.sandbox_pool.outcome import ErrorInfo, Outcome, Status
from picloud.sandbox_pool.pool import Busy
from picloud.services.code.app_code import AppCodeCache
from picloud.services.code.pins import VersionGone, pinned
from picloud.services.code.runner import Runner, RunResult
from picloud.services.executions.rows import ExecutionRow, execution_row
from picloud.services.runs.app_events import Cause
from picloud.services.runs.effects import Effects, EffectsFactory
from picloud.services.trouble import passes

log = logging.getLogger(__name__)

SHORT_PAUSE_S = 1.0
"""No worker, or no database, for reasons that pass."""
LONG_PAUSE_S = 30.0
"""The script can't be run as it stands, until somebody changes it."""
WAIT_S = 5.0
"""For a free worker, when calls by HTTP have taken them all."""

_EVENT_GONE = {"type": "EventGone", "message": "The event is not kept any more."}
_REFUSED = {
    "type": "PrincipalRefused",
    "message": "Who registered the trigger is disabled or may not manage this app's triggers any more.",
}
_INTERNAL = ErrorInfo("InternalError", "PiCloud could not run the handler; its own log says why.")


@dataclass(frozen=True, slots=True)
class Attempter:
    """Safe for threads."""

    engine: Engine
    runner: Runner
    app_codes: AppCodeCache
    effects: EffectsFactory

    def attempt(self, claimed: Claimed) -> Ended:
        """Run the handler. What it did through `ctx` is committed with the delivery's end, here; else nothing is yet."""
        ended = self._attempt(claimed)
        if isinstance(ended.verdict, Dead):
            try:
                return self._mourned(ended, ended.verdict)
            except Exception as error:
                if passes(error):
                    return Ended(claimed, PutBack(SHORT_PAUSE_S))
                log.exception("no dead-letter event", extra={"fields": {"delivery_id": claimed.id}})
        return ended

    def _mourned(self, ended: Ended, verdict: Dead) -> Ended:
        claimed = ended.claimed
        app = self.app_codes.by_id(claimed.app_id)
        if not app.triggers.dead_letter:
            return ended
        payload = claimed.payload or load_payload(self.engine, claimed.event_id)
        return replace(ended, letters=letters(app, claimed, verdict, payload, self.effects.settings.backlog_max))

    def _attempt(self, claimed: Claimed) -> Ended:
        if claimed.forsaken:
            return Ended(claimed, PutBack(0))
        refused = _refusal(claimed)
        if refused is not None:
            return Ended(claimed, Dead(refused))
        try:
            payload = claimed.payload or load_payload(self.engine, claimed.event_id)
            if payload is None:
                return Ended(claimed, Dead(_EVENT_GONE))
            return self._run(claimed, payload)
        except Busy as busy:
            return Ended(claimed, PutBack(busy.retry_after_s))
        except ExecutorGone:
            return Ended(claimed, PutBack(SHORT_PAUSE_S))
        except VersionGone as error:
            return Ended(claimed, Dead({"type": "VersionGone", "message": str(error)}))
        except NotFound as error:
            log.warning("no such endpoint", extra={"fields": {"delivery_id": claimed.id, "detail": error.detail}})
            return Ended(claimed, PutBack(LONG_PAUSE_S))
        except Exception as error:
            if passes(error):
                return Ended(claimed, PutBack(SHORT_PAUSE_S))
            log.exception("a delivery could not be run", extra={"fields": {"delivery_id": claimed.id}})
            return _judged(claimed, self._broken_run(claimed))

    def _run(self, claimed: Claimed, payload: str) -> Ended:
        app = self.app_codes.by_id(claimed.app_id)
        if claimed.attempts.replayed:
            app = pinned(self.engine, app, claimed.script_id, claimed.id)
        effects = self.effects.of(app, Cause(UUID(claimed.trace_id), claimed.depth))
        try:
            run = self.runner.run(
                app,
                claimed.script_id,
                event=claimed.event(payload),
                principal=claimed.principal,
                wall_ms=int(claimed.timeout_s * 1000),
                wait_s=WAIT_S,
                host=effects,
            )
            effects.mask(run.outcome)
            return self._commit(_judged(claimed, run), run, effects)
        finally:
            effects.close()

    def _commit(self, ended: Ended, run: RunResult, effects: Effects) -> Ended:
        """Where the run had effects and is to be delivered: all of it in one transaction, behind the fence."""
        if effects.session is None or not isinstance(ended.verdict, Delivered):
            return ended
        if not effects.booked(run.outcome):
            return _judged(ended.claimed, run)
        with effects.cursor() as cursor:
            if not settle(cursor, ended.claimed.epoch, [ended]):
                return Ended(ended.claimed, PutBack(0), settled=True)  # the lease was lost: nothing of this run stays
        effects.session.commit()
        return replace(ended, settled=True)

    def _broken_run(self, claimed: Claimed) -> RunResult:
        """Our own mistake counts as an attempt: else it would be made again and again."""
        outcome = Outcome(Status.crash, Limits(), error=_INTERNAL)
        name = ""
        with suppress(Exception):
            name = self.app_codes.by_id(claimed.app_id).scripts[claimed.script_id].name
        return RunResult(uuid7(), claimed.app_id, claimed.script_id, name, 0, datetime.now(UTC), outcome)


def _refusal(claimed: Claimed) -> dict[str, Any] | None:
    """Why the delivery is dead without a further run."""
    if claimed.attempts.attempt > claimed.attempts.max_attempts:
        return LOST
    return _REFUSED if claimed.trigger_id and not claimed.permitted else None


def _judged(claimed: Claimed, run: RunResult) -> Ended:
    verdict = judge(run.outcome, claimed.kind, claimed.attempts, random.random())  # noqa: S311
    return Ended(claimed, verdict, _row(claimed, run))


def _row(claimed: Claimed, run: RunResult) -> ExecutionRow:
    return execution_row(
        run,
        kind=claimed.kind.value,
        event_id=claimed.event_id,
        trace_id=claimed.trace_id,
        attempt=claimed.attempts.attempt,
        max_attempts=claimed.attempts.max_attempts,
        manual=claimed.manual,
        delivery_id=claimed.id,
        trigger_id=claimed.trigger_id,
    )
