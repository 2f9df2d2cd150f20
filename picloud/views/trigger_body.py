"""What the bodies of all kinds of triggers share, and what a kind adds."""

from typing import Any, Protocol

import msgspec
from pyramid.request import Request

from picloud.domain.kinds import DispatchMode, Priority
from picloud.models import Trigger
from picloud.services.triggers.triggers import CommonFields, TriggerService
from picloud.views.api import runtime


class CommonBody(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The fields that every kind of trigger takes."""

    script: str | None = None
    enabled: bool | None = None
    dispatch_mode: DispatchMode | None = None
    max_attempts: int | None = None
    backoff_base_s: float | None = None
    backoff_cap_s: float | None = None
    timeout_s: float | None = None
    priority: Priority | None = None

    def common(self) -> CommonFields:
        return CommonFields(**{name: getattr(self, name) for name in CommonFields.__dataclass_fields__})


class KindViews(Protocol):
    """One kind of trigger. What `create` and `change` give beside is shown in that one answer."""

    new: type[CommonBody]
    changed: type[CommonBody]

    def create(self, request: Request, body: Any) -> tuple[Trigger, dict[str, Any]]: ...

    def change(self, request: Request, trigger: Trigger, body: Any) -> dict[str, Any]: ...

    def details(self, request: Request, trigger: Trigger) -> dict[str, Any]: ...


def trigger_service(request: Request) -> TriggerService:
    return TriggerService(request.db, request.context.app, runtime(request).settings)
