"""The effects of a test run: they happen in a transaction that is never committed, and are listed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from picloud.domain.kinds import HttpInTest
from picloud.domain.kv import KvChange
from picloud.outbound.errors import OutboundError, OutboundRefused
from picloud.services.code.app_code import AppCode
from picloud.services.code.app_triggers import AppTriggers, TriggerCode
from picloud.services.kv.entries import KvService
from picloud.services.runs.app_events import Cause, listeners, payload_of
from picloud.services.runs.effects import Effects, EffectsFactory

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
"""Those by which nobody asks to change anything (RFC 9110, 9.2.1)."""


@dataclass(slots=True)
class Shown:
    """What the run did, in its order. Of secrets only the names."""

    kv: list[dict[str, Any]] = field(default_factory=list)
    queue: list[dict[str, Any]] = field(default_factory=list)
    http: list[dict[str, Any]] = field(default_factory=list)
    secrets: list[str] = field(default_factory=list)


class ShownEffects(Effects):
    """No trigger is set off, sync or not: those that would be are named."""

    def __init__(self, factory: EffectsFactory, app: AppCode, cause: Cause, http: HttpInTest) -> None:
        super().__init__(factory, app, cause, factory.transaction(app), {}, lent=True)
        self.shown = Shown()
        self._http = http
        self._events = ShownEvents(app.triggers, self.shown)

    def kv(self) -> KvService:
        transaction = self._transaction
        return KvService(self._opened(), self.app.app_id, transaction.quota, transaction.growth, self._events)

    def events(self) -> "ShownEvents":
        return self._events

    def secret(self, name: str) -> str:
        if name not in self.secrets_read:
            self.shown.secrets.append(name)
        return super().secret(name)

    def fetch(self, call: Mapping[str, Any]) -> dict[str, Any]:
        """A call can't be undone: the test says which ones may be made at all."""
        method = str(call.get("method", "GET")).upper()
        entry: dict[str, Any] = {"method": method, "url": str(call.get("url", "")), "sent": False}
        self.shown.http.append(entry)
        if self._http is HttpInTest.NONE or (self._http is HttpInTest.SAFE and method not in SAFE_METHODS):
            entry["error"] = f'this test makes no {method} request; the test\'s field "http" says which ones it makes'
            raise OutboundRefused(entry["error"])
        entry["sent"] = True
        try:
            reply = super().fetch(call)
        except OutboundError as error:
            entry["error"] = error.message
            raise
        entry["status"] = reply["status"]
        return reply


class ShownEvents:
    """Stands where a real run's events are written."""

    def __init__(self, triggers: AppTriggers, shown: Shown) -> None:
        self._triggers = triggers
        self._shown = shown

    def watches(self, collection: str, key: str) -> bool:
        return True

    def kv_changed(self, change: KvChange) -> None:
        self._shown.kv.append(payload_of(change) | {"triggers": _named(self._triggers.on_kv(change))})

    def sent(self, queue: str, payload: Any, delay_s: float, key: str | None) -> None:
        """Raises Invalid, NotFound."""
        listening = listeners(self._triggers, queue, payload, delay_s, key)
        message = {"name": queue, "payload": payload, "delay_s": delay_s, "key": key}
        self._shown.queue.append(message | {"triggers": _named(listening)})


def _named(triggers: list[TriggerCode]) -> list[dict[str, Any]]:
    return [{"id": str(trigger.id), "dispatch_mode": trigger.dispatch_mode} for trigger in triggers]
