"""The calls that a handler can make through `ctx`, and what each does."""

import base64
from collections.abc import Mapping
from typing import Any, Protocol
from uuid import UUID

import msgspec

from picloud.services.kv.entries import KvService


class Messages(Protocol):
    def sent(self, queue: str, payload: Any, delay_s: float, key: str | None) -> None: ...


class Host(Protocol):
    """What a run can reach."""

    def kv(self) -> KvService: ...

    def events(self) -> Messages: ...

    def secret(self, name: str) -> str: ...

    def attachment(self, attachment_id: UUID) -> bytes: ...

    def fetch(self, call: Mapping[str, Any]) -> dict[str, Any]: ...


class _KvCall(msgspec.Struct, kw_only=True):
    collection: str


class KvGet(_KvCall):
    key: str

    def run(self, host: Host) -> Any:
        entry = host.kv().get(self.collection, self.key)
        return None if entry is None else {"value": entry.value}


class KvSet(_KvCall):
    key: str
    value: Any
    ttl_s: float | None = None

    def run(self, host: Host) -> None:
        host.kv().set(self.collection, self.key, self.value, self.ttl_s)


class KvDelete(_KvCall):
    key: str

    def run(self, host: Host) -> bool:
        return host.kv().delete(self.collection, self.key)


class KvIncr(_KvCall):
    key: str
    by: int | float = 1

    def run(self, host: Host) -> float:
        return host.kv().incr(self.collection, self.key, self.by)


class KvCas(_KvCall):
    key: str
    expected: Any
    new: Any

    def run(self, host: Host) -> bool:
        return host.kv().cas(self.collection, self.key, self.expected, self.new)


class KvList(_KvCall):
    prefix: str = ""
    limit: int = 100
    after: str | None = None

    def run(self, host: Host) -> list[dict[str, Any]]:
        found = host.kv().list(self.collection, prefix=self.prefix, limit=self.limit, after=self.after)
        return [{"key": entry.key, "value": entry.value} for entry in found]


class QueueSend(msgspec.Struct):
    name: str
    payload: Any
    delay_s: float = 0
    key: str | None = None

    def run(self, host: Host) -> None:
        host.events().sent(self.name, self.payload, self.delay_s, self.key)


class SecretsGet(msgspec.Struct):
    name: str

    def run(self, host: Host) -> str:
        return host.secret(self.name)


class EmailAttachment(msgspec.Struct):
    id: UUID

    def run(self, host: Host) -> dict[str, str]:
        return {"content_base64": base64.b64encode(host.attachment(self.id)).decode()}


VERBS: Mapping[str, Any] = {
    "kv.get": KvGet,
    "kv.set": KvSet,
    "kv.delete": KvDelete,
    "kv.incr": KvIncr,
    "kv.cas": KvCas,
    "kv.list": KvList,
    "queue.send": QueueSend,
    "secrets.get": SecretsGet,
    "email.attachment": EmailAttachment,
}
