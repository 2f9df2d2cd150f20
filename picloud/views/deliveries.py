from typing import Any
from uuid import UUID

import msgspec
from msgspec import UNSET
from pyramid.request import Request

from picloud.domain.access import Capability
from picloud.domain.audit import Action
from picloud.domain.delivery import DeliveryState
from picloud.domain.kinds import EventKind
from picloud.security.accountability import audit
from picloud.services.delivery.call_policy import call_policy
from picloud.services.delivery.deliveries import Delivery, DeliveryFilter, DeliveryService
from picloud.services.delivery.outbox import OutboxService
from picloud.services.events.resends import ResendService
from picloud.views.api import (
    api,
    filter_text,
    optional_json_body,
    page_request,
    page_shape,
    path_id,
    query_as,
    runtime,
    storing,
)


def shape(delivery: Delivery) -> Any:
    return msgspec.to_builtins(delivery)


@api("deliveries", "GET", Capability.LOG_READ)
def index(request: Request) -> dict[str, Any]:
    narrowed = DeliveryFilter(
        state=query_as(request, "state", DeliveryState),
        kind=query_as(request, "kind", EventKind),
        script=filter_text(request, "script"),
        trigger_id=query_as(request, "trigger_id", UUID),
        trace_id=query_as(request, "trace_id", UUID),
    )
    return page_shape(_deliveries(request).list(page_request(request), narrowed), shape)


@api("delivery", "GET", Capability.LOG_READ)
def read(request: Request) -> Any:
    delivery = _deliveries(request).get(path_id(request))
    return shape(delivery) | {"event": _resends(request).event(delivery.id)}


@api("retry_delivery", "POST", Capability.DELIVERY_MANAGE)
def retry(request: Request) -> Any:
    delivery = _deliveries(request).get(path_id(request))
    outbox_service(request).retry_now(request.context.app.id, delivery.id)
    audit(request, Action.DELIVERY_RETRY, delivery.id)
    request.response.status_int = 202
    return shape(_deliveries(request).get(delivery.id))


@api("cancel_delivery", "POST", Capability.DELIVERY_MANAGE)
def cancel(request: Request) -> Any:
    delivery = _deliveries(request).get(path_id(request))
    outbox_service(request).cancel(request.context.app.id, delivery.id)
    audit(request, Action.DELIVERY_CANCEL, delivery.id)
    return shape(_deliveries(request).get(delivery.id))


class EditedEvent(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """Fields of the event's part, under its kind; the rest is as it was."""

    http: Any = UNSET
    kv: Any = UNSET
    cron: Any = UNSET
    email: Any = UNSET
    dead_letter: Any = UNSET
    queue: Any = UNSET
    manual: Any = UNSET

    def given(self) -> dict[str, Any]:
        parts = {kind.value: getattr(self, kind.value) for kind in EventKind}
        return {kind: part for kind, part in parts.items() if part is not UNSET}


class Resend(msgspec.Struct, forbid_unknown_fields=True):
    event: EditedEvent = msgspec.field(default_factory=EditedEvent)


@api("resend_delivery", "POST", Capability.DELIVERY_MANAGE)
@storing
def resend(request: Request) -> dict[str, Any]:
    """A new delivery of the same event, or of it with changes."""
    body, origin = optional_json_body(request, Resend), _deliveries(request).get(path_id(request))
    delivery_id = _resends(request).resend(origin.id, body.event.given())
    audit(request, Action.DELIVERY_RESEND, origin.id, after={"delivery_id": delivery_id})
    request.response.status_int = 202
    return {"delivery_id": delivery_id, "status": "queued"}


def outbox_service(request: Request) -> OutboxService:
    return OutboxService(request.db, backlog_max=runtime(request).settings.backlog_max)


def _resends(request: Request) -> ResendService:
    policy = call_policy(runtime(request).settings)
    return ResendService(request.db, request.context.app, outbox_service(request), policy)


def _deliveries(request: Request) -> DeliveryService:
    return DeliveryService(request.db, request.context.app)
