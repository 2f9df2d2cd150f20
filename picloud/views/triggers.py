"""Triggers of all kinds."""

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType
from pyramid.request import Request
from pyramid.response import Response

from picloud.domain.access import Capability
from picloud.domain.errors import invalid
from picloud.domain.kinds import DispatchMode, TriggerKind
from picloud.models import Script, Trigger
from picloud.services.email_triggers import EmailTriggerService
from picloud.services.triggers import CommonFields, TriggerService
from picloud.views.api import api, json_body, page_request, page_shape, path_id, runtime


class CommonChange(msgspec.Struct):
    """The fields that every kind of trigger takes."""

    script: str | None = None
    enabled: bool | None = None
    dispatch_mode: DispatchMode | None = None
    max_attempts: int | None = None
    backoff_base_s: float | None = None
    backoff_cap_s: float | None = None
    timeout_s: float | None = None

    def common(self) -> CommonFields:
        return CommonFields(**{name: getattr(self, name) for name in CommonFields.__dataclass_fields__})


class TriggerChange(CommonChange):
    provider: str | None = None
    ack_status: int | None = None
    inbound_secret: str | UnsetType | None = UNSET


def shape(request: Request, trigger: Trigger, script: Script) -> dict[str, Any]:
    body = {
        "id": trigger.id,
        "app_id": trigger.app_id,
        "kind": trigger.kind,
        "script": script.name,
        "enabled": trigger.enabled,
        "dispatch_mode": trigger.dispatch_mode,
        "max_attempts": trigger.max_attempts,
        "backoff_base_s": trigger.backoff_base_s,
        "backoff_cap_s": trigger.backoff_cap_s,
        "timeout_s": trigger.timeout_s,
        "registered_by": trigger.registered_by,
        "created_at": trigger.created_at,
        "updated_at": trigger.updated_at,
    }
    return body | _email(request, trigger) if trigger.kind == TriggerKind.EMAIL else body


def shape_one(request: Request, trigger: Trigger, secret: str | None = None) -> dict[str, Any]:
    """One trigger; `secret` where it was generated for this answer."""
    body = shape(request, trigger, request.db.get_one(Script, trigger.script_id))
    return body | {"inbound_secret": secret} if secret else body


@api("triggers", "GET", Capability.APP_READ_TRIGGERS)
def index(request: Request) -> dict[str, Any]:
    page = trigger_service(request).list(page_request(request))
    return page_shape(page, lambda pair: shape(request, *pair))


@api("trigger", "GET", Capability.APP_READ_TRIGGERS)
def read(request: Request) -> dict[str, Any]:
    return shape_one(request, trigger_service(request).get(path_id(request)))


@api("trigger", "PATCH", Capability.APP_MANAGE_TRIGGERS)
def update(request: Request) -> dict[str, Any]:
    triggers = trigger_service(request)
    trigger = triggers.get(path_id(request))
    body = json_body(request, TriggerChange)
    secret = _update_email(request, trigger, body)
    return shape_one(request, triggers.update(trigger, body.common()), secret)


@api("trigger", "DELETE", Capability.APP_MANAGE_TRIGGERS)
def delete(request: Request) -> Response:
    triggers = trigger_service(request)
    triggers.delete(triggers.get(path_id(request)))
    return Response(status=204)


def trigger_service(request: Request) -> TriggerService:
    return TriggerService(request.db, request.context.app, runtime(request).settings)


def email_trigger_service(request: Request) -> EmailTriggerService:
    return EmailTriggerService(request.db, trigger_service(request), runtime(request).master_key)


def _update_email(request: Request, trigger: Trigger, body: TriggerChange) -> str | None:
    """The new secret where one was generated. Raises Invalid for fields that the trigger's kind does not have."""
    for name in ("provider", "ack_status", "inbound_secret"):
        if trigger.kind != TriggerKind.EMAIL and getattr(body, name) not in (None, UNSET):
            raise invalid(f"/{name}", f"a {trigger.kind} trigger has no such field")
    if trigger.kind != TriggerKind.EMAIL:
        return None
    emails = email_trigger_service(request)
    emails.update(trigger, provider=body.provider, ack_status=body.ack_status)
    return None if isinstance(body.inbound_secret, UnsetType) else emails.set_secret(trigger, body.inbound_secret)


def _email(request: Request, trigger: Trigger) -> dict[str, Any]:
    emails = email_trigger_service(request)
    details = emails.details(trigger)
    path = request.route_path("email_inbound", app_id=trigger.app_id, trigger_id=trigger.id)
    return {
        "provider": details.provider,
        "ack_status": details.ack_status,
        "has_inbound_secret": emails.wants_signature(trigger),
        "inbound_url": (runtime(request).settings.public_url.rstrip("/") or request.host_url) + path,
    }
