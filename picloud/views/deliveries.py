from typing import Any
from uuid import UUID

import msgspec
from pyramid.request import Request

from picloud.domain.access import Capability
from picloud.domain.audit import Action
from picloud.domain.delivery import DeliveryState
from picloud.domain.kinds import EventKind
from picloud.security.accountability import audit
from picloud.services.delivery.deliveries import Delivery, DeliveryFilter, DeliveryService
from picloud.services.delivery.outbox import OutboxService
from picloud.views.api import api, page_request, page_shape, path_id, query_as, query_text, runtime


def shape(delivery: Delivery) -> Any:
    return msgspec.to_builtins(delivery)


@api("deliveries", "GET", Capability.LOG_READ)
def index(request: Request) -> dict[str, Any]:
    narrowed = DeliveryFilter(
        state=query_as(request, "state", DeliveryState),
        kind=query_as(request, "kind", EventKind),
        script=query_text(request, "script"),
        trigger_id=query_as(request, "trigger_id", UUID),
        trace_id=query_as(request, "trace_id", UUID),
    )
    return page_shape(_deliveries(request).list(page_request(request), narrowed), shape)


@api("delivery", "GET", Capability.LOG_READ)
def read(request: Request) -> Any:
    return shape(_deliveries(request).get(path_id(request)))


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


def outbox_service(request: Request) -> OutboxService:
    return OutboxService(request.db, backlog_max=runtime(request).settings.backlog_max)


def _deliveries(request: Request) -> DeliveryService:
    return DeliveryService(request.db, request.context.app)
