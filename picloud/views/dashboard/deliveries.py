from pyramid.request import Request
from pyramid.response import Response

from picloud.domain.access import Capability
from picloud.domain.delivery import DeliveryState
from picloud.domain.errors import PicloudError
from picloud.domain.kinds import EventKind
from picloud.views import deliveries
from picloud.views.dashboard.page import draw, page, see
from picloud.views.dashboard.twin import ApiView, outcome, tried, without_empty

FILTERS = ("state", "kind", "script", "trigger_id", "trace_id")


@page("page_deliveries", "GET", Capability.LOG_READ)
def index(request: Request) -> Response:
    asked = {name: request.GET.get(name, "") for name in FILTERS}
    without_empty(request)
    found, error = outcome(request, deliveries.index)
    return draw(
        request,
        "deliveries",
        error.status if error else 200,
        found=found or {"items": [], "next": None},
        asked=asked,
        error=error,
        states=list(DeliveryState),
        kinds=list(EventKind),
    )


@page("page_delivery", "GET", Capability.LOG_READ)
def show(request: Request) -> Response:
    return _draw(request)


@page("page_retry_delivery", "POST", Capability.DELIVERY_MANAGE)
def retry(request: Request) -> Response:
    return _do(request, deliveries.retry)


@page("page_cancel_delivery", "POST", Capability.DELIVERY_MANAGE)
def cancel(request: Request) -> Response:
    return _do(request, deliveries.cancel)


def _do(request: Request, view: ApiView) -> Response:
    error = tried(request, view)
    if error is not None:
        return _draw(request, error)
    return see(request, "page_delivery", app=request.context.app.slug, id=request.matchdict["id"])


def _draw(request: Request, error: PicloudError | None = None) -> Response:
    return draw(request, "delivery", error.status if error else 200, it=deliveries.read(request), error=error)
