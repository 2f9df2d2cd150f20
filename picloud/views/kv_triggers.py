from typing import Any

import msgspec
from pyramid.request import Request

from picloud.domain.kv import KvOp
from picloud.models import Trigger
from picloud.services.triggers.kv import KvTriggerService
from picloud.views.trigger_body import CommonBody, trigger_service


class NewKvTrigger(CommonBody, kw_only=True):
    script: str
    collection_glob: str
    key_glob: str = "*"
    ops: list[KvOp] = msgspec.field(default_factory=lambda: list(KvOp))


class KvTriggerChange(CommonBody, kw_only=True):
    collection_glob: str | None = None
    key_glob: str | None = None
    ops: list[KvOp] | None = None


class KvTriggers:
    new: type[CommonBody] = NewKvTrigger
    changed: type[CommonBody] = KvTriggerChange

    def create(self, request: Request, body: NewKvTrigger) -> tuple[Trigger, dict[str, Any]]:
        trigger = _service(request).create(
            body.common(),
            request.identity.user_id,
            collection_glob=body.collection_glob,
            key_glob=body.key_glob,
            ops=body.ops,
        )
        return trigger, {}

    def change(self, request: Request, trigger: Trigger, body: KvTriggerChange) -> dict[str, Any]:
        _service(request).update(trigger, collection_glob=body.collection_glob, key_glob=body.key_glob, ops=body.ops)
        return {}

    def details(self, request: Request, trigger: Trigger) -> dict[str, Any]:
        found = _service(request).details(trigger)
        return {"collection_glob": found.collection_glob, "key_glob": found.key_glob, "ops": found.ops}


def _service(request: Request) -> KvTriggerService:
    return KvTriggerService(request.db, trigger_service(request))
