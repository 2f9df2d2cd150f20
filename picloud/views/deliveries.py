from typing import Any

import msgspec
from pyramid.request import Request

from picloud.domain.access import Capability
from picloud.domain.delivery import DeliveryState
from picloud.services.deliveries import Delivery, DeliveryService
from picloud.services.outbox import OutboxService
from picloud.views.api import api, page_request, page_shape, path_id, query_as, runtime


def shape(delivery: Delivery) -> Any:
    return msgspec.to_builtins(delivery)


@api("deliveries", "GET", Capability.LOG_READ)
def index(request: Request) -> dict[str, Any]:
    state = query_as(request, "state", DeliveryState)
    return page_shape(_deliveries(request).list(page_request(request), state), shape)


@api("delivery", "GET", Capability.LOG_READ)
def read(request: Request) -> Any:
    return shape(_deliveries(request).get(path_id(request)))


@api("retry_delivery", "POST", Capability.DELIVERY_MANAGE)
def retry(request: Request) -> Any:
    delivery = _deliveries(request).get(path_id(request))
    outbox_service(request).retry_now(request.context.app.id, delivery.id)
    request.response.status_int = 202
    return shape(_deliveries(request).get(delivery.id))


@api("cancel_delivery", "POST", Capability.DELIVERY_MANAGE)
def cancel(request: Request) -> Any:
    delivery = _deliveries(request).get(path_id(request))
    outbox_service(request).cancel(request.context.app.id, delivery.id)
    return shape(_deliveries(request).get(delivery.id))


def outbox_service(request: Request) -> OutboxService:
    return OutboxService(request.db, backlog_max=runtime(request).settings.backlog_max)


def _deliveries(request: Request) -> DeliveryService:
    return DeliveryService(request.db, request.context.app)
