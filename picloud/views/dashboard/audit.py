from pyramid.request import Request
from pyramid.response import Response

from picloud.domain.access import Capability
from picloud.domain.audit import Action
from picloud.views import audit_events
from picloud.views.dashboard.page import draw, page
from picloud.views.dashboard.twin import outcome, without_empty

FILTERS = ("app", "actor", "action", "target", "since", "until")


@page("page_audit", "GET", Capability.SELF_READ_AUDIT)
def index(request: Request) -> Response:
    asked = {name: request.GET.get(name, "") for name in FILTERS}
    without_empty(request)
    found, error = outcome(request, audit_events.index)
    values = {"found": found or {"items": [], "next": None}, "asked": asked, "error": error}
    return draw(request, "audit", error.status if error else 200, actions=list(Action), **values)
