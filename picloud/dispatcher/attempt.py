"""One attempt at a delivery, from the claimed row to its end."""

import logging
import random
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

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
"""No worker, or no database, for reasons that pass. A half more or less: what collided must not start together again."""
LONG_PAUSE_S = 30.0
"""The script can't be run as it stands, until somebody changes it."""
WAIT_S = 5.0
"""For a free worker, when calls by HTTP have taken them all."""

_APP_EXISTS = text("SELECT EXISTS (SELECT FROM apps WHERE id = :id)")
_EVENT_GONE = ErrorInfo("EventGone", "The event is not kept any more.")
_PRINCIPAL_REFUSED = ErrorInfo(
    "PrincipalRefused", "Who registered the trigger is disabled or may not manage this app's triggers any more."
)
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
                    return Ended(claimed, PutBack(_short_pause_s()))
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
        if claimed.attempts.attempt > claimed.attempts.max_attempts:
            return Ended(claimed, Dead(LOST))  # the lost attempt is on record already
        if claimed.trigger_id and not claimed.permitted:
            return self._refused(claimed, _PRINCIPAL_REFUSED)
        try:
            payload = claimed.payload or load_payload(self.engine, claimed.event_id)
            return self._refused(claimed, _EVENT_GONE) if payload is None else self._run(claimed, payload)
        except Busy as busy:
            return Ended(claimed, PutBack(busy.retry_after_s))
        except ExecutorGone:
            return Ended(claimed, PutBack(_short_pause_s()))
        except VersionGone as error:
            return self._refused(claimed, ErrorInfo("VersionGone", str(error)))
        except Exception as error:
            return self._after_trouble(claimed, error)

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

    def _after_trouble(self, claimed: Claimed, error: Exception) -> Ended:
        about: dict[str, Any] = {"delivery_id": claimed.id, "app_id": str(claimed.app_id)}
        if passes(error):
            return Ended(claimed, PutBack(_short_pause_s()))
        if self._app_is_gone(claimed):
            log.info("a delivery has ended with its app, which was deleted", extra={"fields": about})
            return Ended(claimed, PutBack(0))
        if isinstance(error, NotFound):
            log.warning("no such endpoint", extra={"fields": about | {"detail": error.detail}})
            return Ended(claimed, PutBack(LONG_PAUSE_S))
        log.error("a delivery could not be run", exc_info=error, extra={"fields": about})
        # Our own mistake counts as an attempt: else it would be made again and again.
        return _judged(claimed, self._no_run(claimed, Status.crash, _INTERNAL))

    def _app_is_gone(self, claimed: Claimed) -> bool:
        with suppress(SQLAlchemyError), self.engine.connect() as connection:
            return not connection.execute(_APP_EXISTS, {"id": claimed.app_id}).scalar_one()
        return False

    def _refused(self, claimed: Claimed, error: ErrorInfo) -> Ended:
        """The handler may not run, or can't. It is an attempt like any other, of no version."""
        row = replace(_row(claimed, self._no_run(claimed, Status.error, error)), version=None)
        return Ended(claimed, Dead({"type": error.type, "message": error.message}), row)

    def _no_run(self, claimed: Claimed, status: Status, error: ErrorInfo) -> RunResult:
        """What is recorded of an attempt whose handler was not begun, or not by what is known."""
        outcome = Outcome(status, Limits(), error=error)
        name = ""
        with suppress(Exception):
            name = self.app_codes.by_id(claimed.app_id).scripts[claimed.script_id].name
        return RunResult(uuid7(), claimed.app_id, claimed.script_id, name, 0, datetime.now(UTC), outcome)


def _short_pause_s() -> float:
    return SHORT_PAUSE_S * (0.5 + random.random())  # noqa: S311


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
