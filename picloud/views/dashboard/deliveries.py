from base64 import b64decode
from typing import Any

from pyramid.request import Request
from pyramid.response import Response

from picloud.domain.access import Capability
from picloud.domain.delivery import DeliveryState
from picloud.domain.errors import PicloudError
from picloud.domain.kinds import EventKind
from picloud.views import deliveries, replays
from picloud.views.dashboard.attempts import attempts_at
from picloud.views.dashboard.formats import pretty
from picloud.views.dashboard.page import draw, page, see
from picloud.views.dashboard.twin import ApiView, given, json_field, outcome, tried, without_empty

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


@page("page_restore_delivery", "POST", Capability.DELIVERY_MANAGE)
def restore(request: Request) -> Response:
    return _do(request, replays.restore)


@page("page_resend_delivery", "POST", Capability.DELIVERY_MANAGE)
def resend(request: Request) -> Response:
    form = given(request, "kind", "event")
    sent, error = outcome(request, deliveries.resend, lambda: {"event": {form["kind"]: json_field(form, "event")}})
    if error is not None:
        return _draw(request, error, form)
    return see(request, "page_delivery", app=request.context.app.slug, id=sent["delivery_id"])


def _do(request: Request, view: ApiView) -> Response:
    error = tried(request, view)
    if error is not None:
        return _draw(request, error)
    return see(request, "page_delivery", app=request.context.app.slug, id=request.matchdict["id"])


def _draw(request: Request, error: PicloudError | None = None, form: dict[str, str] | None = None) -> Response:
    it = deliveries.read(request)
    values = {"it": it, "tries": attempts_at(request, it), "error": error}
    values |= {"form": form or {"event": pretty(_editable(it["event"]))}}
    return draw(request, "delivery", error.status if error else 200, **values)


def _editable(event: dict[str, Any] | None) -> Any:
    """The part of the event's kind; the body of a call as text, where it is that."""
    if event is None:
        return None
    part = event[event["kind"]]
    if event["kind"] != EventKind.HTTP:
        return part
    try:
        text = b64decode(part["body_base64"]).decode()
    except ValueError:
        return part
    return {name: value for name, value in part.items() if name != "body_base64"} | {"text": text}
