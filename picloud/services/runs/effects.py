"""What one run does through `ctx` inside PiCloud. It is one transaction, committed with the end of the delivery or not at all."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec
from psycopg2.extensions import cursor as Cursor
from sqlalchemy import text
from sqlalchemy.orm import Session, sessionmaker

from picloud.crypto import MasterKey
from picloud.domain.errors import (
    Conflict,
    Invalid,
    NotFound,
    PicloudError,
    SyncTriggerBusy,
    SyncTriggerFailed,
    Unavailable,
)
from picloud.outbound.client import OutboundLimits, fetch
from picloud.outbound.errors import OutboundError
from picloud.sandbox_pool.driver import HostError
from picloud.sandbox_pool.outcome import ErrorInfo, Outcome, Status
from picloud.services.code import masking
from picloud.services.code.app_code import AppCode
from picloud.services.code.app_triggers import TriggerCode
from picloud.services.email.attachments import content_of
from picloud.services.executions.recorder import Recorder
from picloud.services.executions.rows import psycopg2_cursor
from picloud.services.keyring.secrets import SecretService
from picloud.services.kv.entries import KvService
from picloud.services.kv.usage import KvQuota
from picloud.services.runs.app_events import AppEvents, Cause
from picloud.services.runs.host_verbs import VERBS, Messages
from picloud.services.runs.run_transaction import RunTransaction
from picloud.services.runs.sync_runs import SyncCall, SyncRuns
from picloud.settings import Settings

_RAISED: Mapping[type[PicloudError], str] = {
    Invalid: "ValueError",
    Conflict: "TypeError",
    NotFound: "LookupError",
    Unavailable: "Unavailable",
    SyncTriggerFailed: SyncTriggerFailed.__name__,
    SyncTriggerBusy: SyncTriggerBusy.__name__,
}
_IDLE_MARGIN_S = 10
"""For the commit. A node that hangs amid a run keeps what the run has locked for so much longer than that had time left."""


@dataclass(frozen=True, slots=True)
class EffectsFactory:
    """Makes the effects of runs."""

    sessions: sessionmaker[Session]
    master_key: MasterKey
    settings: Settings
    sync_runs: SyncRuns
    recorder: Recorder

    def of(self, app: AppCode, cause: Cause) -> "Effects":
        """Of a run that `cause` has set off."""
        return Effects(self, app, cause, self.transaction(app), {}, lent=True)

    def by_hand(self, app: AppCode, session: Session) -> "Effects":
        """Of a change that somebody makes in `session`, which the caller commits."""
        effects = Effects(self, app, Cause.by_hand(), self.transaction(app, session), {}, lent=False)
        effects.bound(self.settings.handler_wall_ms / 1000)
        return effects

    def transaction(self, app: AppCode, session: Session | None = None) -> RunTransaction:
        return RunTransaction(app.app_id, KvQuota.of(self.settings), self.sessions, self.recorder, session)


class Effects:
    """The host calls of one run. `session` is open from its first call to the store or a queue on.

    The caller ends it: `book` and commit, or `close`, which rolls back what was not committed. The handlers of sync
    triggers run within its calls and have effects of their own, in the same transaction.
    """

    def __init__(
        self,
        factory: EffectsFactory,
        app: AppCode,
        cause: Cause,
        transaction: RunTransaction,
        secrets_read: dict[str, str],
        *,
        lent: bool,
    ) -> None:
        self.app = app
        self.secrets_read = secrets_read
        self._factory = factory
        self._cause = cause
        self._transaction = transaction
        self._lent = lent
        self._wall_s = 0.0
        self._ends_at: float | None = None

    def __call__(self, verb: str, args: Mapping[str, Any]) -> Any:
        """Raises HostError for what the handler did wrong, the database's errors for what it can't help."""
        self._deadline_s()
        call = VERBS.get(verb)
        if call is None and verb != "http.request":
            raise HostError("NotImplementedError", f"this PiCloud knows no {verb}")
        try:
            return self.fetch(args) if call is None else msgspec.convert(args, call).run(self)
        except msgspec.ValidationError as error:
            raise HostError("TypeError", f"{verb}: {error}") from None
        except OutboundError as error:
            raise HostError(error.type, error.message) from None
        except PicloudError as error:
            where = "".join(item.pointer.lstrip("/") + " " for item in error.errors)
            raise HostError(_RAISED.get(type(error), "RuntimeError"), where + error.detail) from None

    @property
    def session(self) -> Session | None:
        return self._transaction.session

    @property
    def asked_outside(self) -> bool:
        return self._transaction.asked_outside

    def bound(self, wall_s: float) -> None:
        """How long the run may take. What it waits for ends with it: calls to the outside, and sync handlers."""
        self._wall_s = wall_s

    def book(self) -> None:
        """Before the commit: count what the store holds now. Raises Conflict when that is more than the quota."""
        self._transaction.book()

    def booked(self, outcome: Outcome) -> bool:
        """As `book`; whether it went well. A run that leaves more than the quota ends as an error."""
        try:
            self.book()
        except Conflict as error:
            outcome.status, outcome.error = Status.error, ErrorInfo("QuotaExceeded", error.detail)
            outcome.result = outcome.response = None
            return False
        return True

    def cursor(self) -> Cursor:
        """Of the transaction, which is open."""
        return psycopg2_cursor(self._opened().connection())

    def close(self) -> None:
        self._transaction.close()

    def mask(self, outcome: Outcome) -> None:
        """Take the secrets that were read out of what is kept of the run."""
        masking.mask(outcome, self.secrets_read.values())

    def kv(self) -> KvService:
        transaction = self._transaction
        return KvService(self._opened(), self.app.app_id, transaction.quota, transaction.growth, self._app_events())

    def events(self) -> Messages:
        return self._app_events()

    def _app_events(self) -> AppEvents:
        backlog_max = self._factory.settings.backlog_max
        triggers = self.app.triggers
        return AppEvents(self._opened(), self.app.app_id, triggers, self._cause, self._agree, backlog_max=backlog_max)

    def fetch(self, call: Mapping[str, Any]) -> dict[str, Any]:
        """What is asked for outside is not undone when the run fails. Raises OutboundError."""
        self._transaction.asked_outside = True
        return fetch(call, allow=self.app.http_allow, limits=OutboundLimits(), deadline_s=self._deadline_s())

    def secret(self, name: str) -> str:
        """Raises NotFound. In a transaction of its own: reading one is no effect."""
        if name not in self.secrets_read:
            with self._factory.sessions.begin() as session:
                secrets = SecretService(session, self.app.app_id, self._factory.master_key)
                value = secrets.read(name, self._cause.trace_id)
            if value is None:
                raise NotFound(f"the app has no secret {name!r}")
            self.secrets_read[name] = value
        return self.secrets_read[name]

    def attachment(self, attachment_id: UUID) -> bytes:
        """Raises NotFound. In a transaction of its own, as above."""
        with self._factory.sessions.begin() as session:
            return content_of(session, self.app.app_id, attachment_id)

    def _agree(self, trigger: TriggerCode, kv: Mapping[str, Any]) -> None:
        cause = self._cause.next()
        below = Effects(self._factory, self.app, cause, self._transaction, self.secrets_read, lent=True)
        left_s = self._deadline_s() - time.monotonic()
        call = SyncCall(self.app, trigger, kv, cause, self._transaction, left_s, self._lent)
        self._factory.sync_runs.run(call, below)

    def _deadline_s(self) -> float:
        """The run's end, of the monotonic clock. How long it waited for its worker isn't told, so its first call counts
        as its start."""
        if self._ends_at is None:
            self._ends_at = time.monotonic() + self._wall_s
        return self._ends_at

    def _opened(self) -> Session:
        fresh = self._transaction.session is None
        session = self._transaction.opened()
        if fresh:
            most_ms = int((max(0.0, self._deadline_s() - time.monotonic()) + _IDLE_MARGIN_S) * 1000)
            session.execute(text(f"SET LOCAL idle_in_transaction_session_timeout = {most_ms}"))
        return session
