"""Runs the handlers of sync triggers inside the call that sets them off, in its transaction."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from threading import BoundedSemaphore
from typing import Any, Protocol

import msgspec
from sqlalchemy import and_, select

from picloud.domain.access import Capability, grants
from picloud.domain.clock import rfc3339, utc_now
from picloud.domain.delivery import MAX_DEPTH, check_depth
from picloud.domain.errors import PicloudError, SyncTriggerBusy, SyncTriggerFailed
from picloud.domain.ids import uuid7
from picloud.domain.kinds import AppRole, EventKind, InstanceRole
from picloud.models import AppMember, User
from picloud.sandbox_pool.outcome import Outcome, Status
from picloud.sandbox_pool.pool import Busy
from picloud.services.code.app_code import AppCode
from picloud.services.code.app_triggers import TriggerCode
from picloud.services.code.runner import Host, Runner, RunResult
from picloud.services.executions.rows import execution_row
from picloud.services.runs.app_events import Cause
from picloud.services.runs.run_transaction import RunTransaction

WAIT_S = 1.0
"""For a worker. The writer holds locks meanwhile, which those who have the workers may be waiting for."""

_REFUSED = "who registered the trigger is disabled or may not manage this app's triggers any more"


class SyncHost(Host, Protocol):
    """Answers the calls of a sync run, in its caller's transaction."""

    def mask(self, outcome: Outcome) -> None: ...


@dataclass(frozen=True, slots=True)
class SyncCall:
    """A change that a trigger's handler has to agree to. `cause` is the event that the handler gets.

    `wall_s`: what is left of the caller's time. `lent`: the caller is a run itself and waits for this one.
    """

    app: AppCode
    trigger: TriggerCode
    kv: Mapping[str, Any]
    cause: Cause
    transaction: RunTransaction
    wall_s: float
    lent: bool

    @property
    def script(self) -> str:
        return self.app.scripts[self.trigger.script_id].name


class SyncRuns:
    """Safe for threads.

    A run that waits for one below it lends it its place in the pool: no chain of them can wait for a place that it
    holds itself. How many workers all chains hold is bounded, and whoever would be one too many is told so at once.
    """

    def __init__(self, runner: Runner, workers: int) -> None:
        self._runner = runner
        self._places = BoundedSemaphore(MAX_DEPTH + workers)

    def run(self, call: SyncCall, host: SyncHost) -> None:
        """Returns when the handler has agreed. Its effects are in the transaction then, its record in any case.

        Raises SyncTriggerFailed, SyncTriggerBusy, Invalid for too long a chain, ExecutorGone, the database's errors.
        """
        check_depth(call.cause.depth)
        event = _event(call)
        principal = _principal(call)
        wall_ms = int(min(call.trigger.policy.timeout_s, call.wall_s) * 1000)
        if wall_ms < 1:
            raise _failed(call, "the caller's time is over")
        with self._place(call):
            run = self._runner.run(
                call.app,
                call.trigger.script_id,
                event=event,
                principal=principal,
                wall_ms=wall_ms,
                wait_s=None if call.lent else WAIT_S,
                host=host,
            )
        host.mask(run.outcome)
        _record(call, run, event)
        if run.outcome.status is not Status.ok:
            raise _failed(call, _reason(run.outcome), run)

    @contextmanager
    def _place(self, call: SyncCall) -> Iterator[None]:
        if not self._places.acquire(blocking=False):
            raise _named(SyncTriggerBusy("Too many sync handlers wait for each other.", retry_after_s=1), call)
        try:
            yield
        except Busy as busy:
            detail = f"The handler of a sync trigger got no worker in time: {busy}"
            raise _named(SyncTriggerBusy(detail, retry_after_s=ceil(busy.retry_after_s)), call) from None
        finally:
            self._places.release()


def _event(call: SyncCall) -> dict[str, Any]:
    return {
        "id": str(uuid7()),
        "kind": EventKind.KV,
        "attempt": 1,
        "occurred_at": rfc3339(utc_now()),
        "trace_id": str(call.cause.trace_id),
        "depth": call.cause.depth,
        "kv": call.kv,
    }


def _principal(call: SyncCall) -> str:
    """The email address of whom the trigger runs as. Raises SyncTriggerFailed where that one may not any more."""
    membership = and_(AppMember.user_id == User.id, AppMember.app_id == call.app.app_id)
    query = select(User.email, User.disabled_at, User.role, AppMember.role.label("app_role"))
    found = query.outerjoin(AppMember, membership).where(User.id == call.trigger.registered_by)
    user = call.transaction.opened().execute(found).one_or_none()
    if user is None or user.disabled_at is not None:
        raise _failed(call, _REFUSED)
    app_role = AppRole(user.app_role) if user.app_role else None
    if not grants(Capability.APP_MANAGE_TRIGGERS, InstanceRole(user.role), app_role):
        raise _failed(call, _REFUSED)
    email: str = user.email
    return email


def _record(call: SyncCall, run: RunResult, event: Mapping[str, Any]) -> None:
    row = execution_row(
        run,
        kind=EventKind.KV,
        event_id=event["id"],
        trace_id=event["trace_id"],
        trigger_id=call.trigger.id,
        event=msgspec.json.encode(event),
    )
    call.transaction.record(row)


def _reason(outcome: Outcome) -> str:
    error = outcome.error
    if error is None:
        return outcome.status.value
    if outcome.control or error.type == SyncTriggerFailed.__name__:
        return error.message  # what the handler asked for, or whose veto it did not catch
    return f"{error.type}: {error.message}"


def _failed(call: SyncCall, reason: str, run: RunResult | None = None) -> PicloudError:
    execution = f", execution {run.id}" if run else ""
    detail = f"{reason} (script {call.script}, trigger {call.trigger.id}{execution})"
    return _named(SyncTriggerFailed(detail), call, run)


def _named(error: PicloudError, call: SyncCall, run: RunResult | None = None) -> PicloudError:
    error.members |= {"trigger_id": str(call.trigger.id), "script": call.script}
    error.members["execution_id"] = str(run.id) if run else None
    return error
