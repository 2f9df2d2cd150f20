"""What one run does through `ctx` inside PiCloud. It is one transaction, committed with the end of the delivery or not at all."""

import time
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import msgspec
from psycopg2.extensions import cursor as Cursor
from sqlalchemy.orm import Session, sessionmaker

from picloud.crypto import MasterKey
from picloud.domain.errors import Conflict, Invalid, NotFound, PicloudError
from picloud.outbound.client import OutboundLimits, fetch
from picloud.outbound.errors import OutboundError
from picloud.sandbox_pool.driver import HostError
from picloud.sandbox_pool.outcome import ErrorInfo, Outcome
from picloud.services.app_code import AppCode
from picloud.services.app_events import AppEvents, Cause
from picloud.services.kv import KvQuota, KvService
from picloud.services.secrets import SecretService
from picloud.settings import Settings

MASK = "***"

_RAISED: Mapping[type[PicloudError], str] = {Invalid: "ValueError", Conflict: "QuotaExceeded", NotFound: "LookupError"}


@dataclass(frozen=True, slots=True)
class EffectsFactory:
    """Makes the effects of runs."""

    sessions: sessionmaker[Session]
    master_key: MasterKey
    settings: Settings

    def of(self, app: AppCode, cause: Cause, wall_s: float) -> "Effects":
        """`wall_s`: how long the run may take; what it waits for outside ends with it."""
        return Effects(self, app, cause, time.monotonic() + wall_s)


class Effects:
    """The host calls of one run. `session` is open from its first call to the store or a queue on.

    The caller ends it: `book` and commit, or `close`, which rolls back what was not committed.
    """

    def __init__(self, factory: EffectsFactory, app: AppCode, cause: Cause, deadline_s: float) -> None:
        self._factory = factory
        self._app = app
        self._cause = cause
        self._deadline_s = deadline_s
        self._kv: KvService | None = None
        self.session: Session | None = None
        self.secrets_read: dict[str, str] = {}

    def __call__(self, verb: str, args: Mapping[str, Any]) -> Any:
        """Raises HostError for what the handler did wrong, the database's errors for what it can't help."""
        call = _VERBS.get(verb)
        if verb == "http.request":
            return self._fetched(args)
        if call is None:
            raise HostError("NotImplementedError", f"this PiCloud knows no {verb}")
        try:
            return msgspec.convert(args, call).run(self)
        except msgspec.ValidationError as error:
            raise HostError("TypeError", f"{verb}: {error}") from None
        except PicloudError as error:
            where = "".join(item.pointer.lstrip("/") + " " for item in error.errors)
            raise HostError(_RAISED.get(type(error), "RuntimeError"), where + error.detail) from None

    def book(self) -> None:
        """Before the commit: count what the store holds now. Raises Conflict when that is more than the quota."""
        if self._kv is not None:
            self._kv.count()

    def cursor(self) -> Cursor:
        """Of the transaction, which is open."""
        driver: Any = self._opened().connection().connection.driver_connection
        cursor: Cursor = driver.cursor()
        return cursor

    def close(self) -> None:
        if self.session is not None:
            self.session.close()

    def mask(self, outcome: Outcome) -> None:
        """Take the secrets that were read out of what the run logged and raised."""
        if not self.secrets_read:
            return
        outcome.logs[:] = [_masked(entry, self.secrets_read.values()) for entry in outcome.logs]
        if outcome.error is not None:
            outcome.error = ErrorInfo(**_masked(asdict(outcome.error), self.secrets_read.values()))

    def kv(self) -> KvService:
        if self._kv is None:
            settings = self._factory.settings
            quota = KvQuota(settings.kv_max_entries, settings.kv_max_bytes, settings.kv_value_max_bytes)
            self._kv = KvService(self._opened(), self._app.app_id, quota, self.events().kv_changed)
        return self._kv

    def events(self) -> AppEvents:
        backlog_max = self._factory.settings.backlog_max
        return AppEvents(self._opened(), self._app.app_id, self._app.triggers, self._cause, backlog_max=backlog_max)

    def _fetched(self, call: Mapping[str, Any]) -> dict[str, Any]:
        """What is asked for outside is not undone when the run fails."""
        try:
            return fetch(call, allow=self._app.http_allow, limits=OutboundLimits(), deadline_s=self._deadline_s)
        except OutboundError as error:
            raise HostError(error.type, error.message) from None

    def secret(self, name: str) -> str:
        """Raises NotFound. In a transaction of its own: reading one is no effect."""
        if name not in self.secrets_read:
            with self._factory.sessions() as session:
                value = SecretService(session, self._app.app_id, self._factory.master_key).reveal(name)
            if value is None:
                raise NotFound(f"the app has no secret {name!r}")
            self.secrets_read[name] = value
        return self.secrets_read[name]

    def _opened(self) -> Session:
        if self.session is None:
            self.session = self._factory.sessions()
        return self.session


def _masked(value: Any, secrets: Collection[str]) -> Any:
    """`value` with every secret in any of its strings replaced."""
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, MASK)
        return value
    if isinstance(value, dict):
        return {_masked(key, secrets): _masked(item, secrets) for key, item in value.items()}
    return [_masked(item, secrets) for item in value] if isinstance(value, list) else value


class _KvCall(msgspec.Struct, kw_only=True):
    collection: str


class KvGet(_KvCall):
    key: str

    def run(self, effects: Effects) -> Any:
        entry = effects.kv().get(self.collection, self.key)
        return None if entry is None else {"value": entry.value}


class KvSet(_KvCall):
    key: str
    value: Any
    ttl_s: float | None = None

    def run(self, effects: Effects) -> None:
        effects.kv().set(self.collection, self.key, self.value, self.ttl_s)


class KvDelete(_KvCall):
    key: str

    def run(self, effects: Effects) -> bool:
        return effects.kv().delete(self.collection, self.key)


class KvIncr(_KvCall):
    key: str
    by: int | float = 1

    def run(self, effects: Effects) -> float:
        return effects.kv().incr(self.collection, self.key, self.by)


class KvCas(_KvCall):
    key: str
    expected: Any
    new: Any

    def run(self, effects: Effects) -> bool:
        return effects.kv().cas(self.collection, self.key, self.expected, self.new)


class KvList(_KvCall):
    prefix: str = ""
    limit: int = 100
    after: str | None = None

    def run(self, effects: Effects) -> list[dict[str, Any]]:
        found = effects.kv().list(self.collection, prefix=self.prefix, limit=self.limit, after=self.after)
        return [{"key": entry.key, "value": entry.value} for entry in found]


class QueueSend(msgspec.Struct):
    name: str
    payload: Any
    delay_s: float = 0
    key: str | None = None

    def run(self, effects: Effects) -> None:
        effects.events().sent(self.name, self.payload, self.delay_s, self.key)


class SecretsGet(msgspec.Struct):
    name: str

    def run(self, effects: Effects) -> str:
        return effects.secret(self.name)


_VERBS: Mapping[str, Any] = {
    "kv.get": KvGet,
    "kv.set": KvSet,
    "kv.delete": KvDelete,
    "kv.incr": KvIncr,
    "kv.cas": KvCas,
    "kv.list": KvList,
    "queue.send": QueueSend,
    "secrets.get": SecretsGet,
}
