from pyramid.request import Request
from pyramid.response import Response

from picloud.domain.access import Capability
from picloud.services.instance.overview import OverviewService
from picloud.views import apps
from picloud.views.api import runtime
from picloud.views.dashboard.page import draw, page


@page("page_overview", "GET", Capability.SELF_READ)
def overview(request: Request) -> Response:
    mine = apps.index(request)["items"]
    everything = request.identity.may(Capability.APP_READ)
    service = OverviewService(request.db, None if everything else [app["id"] for app in mine])
    now = runtime(request).clock()
    return draw(
        request,
        "overview",
        figures=service.figures(now),
        failures=service.failures(now),
        crons=service.crons(),
        steps=service.steps(),
        apps=mine,
    )
