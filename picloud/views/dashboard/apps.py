from pyramid.request import Request
from pyramid.response import Response

from picloud.domain.access import Capability
from picloud.services.executions.executions import ExecutionFilter, ExecutionService
from picloud.services.instance.overview import OverviewService
from picloud.services.paging import PageRequest
from picloud.views import apps
from picloud.views.api import runtime
from picloud.views.dashboard.page import draw, page, see
from picloud.views.dashboard.twin import given, tried


@page("page_apps", "GET", Capability.SELF_READ)
def index(request: Request) -> Response:
    return draw(request, "apps", apps=apps.index(request), error=None, form={})


@page("page_apps", "POST", Capability.INSTANCE_CREATE_APP)
def create(request: Request) -> Response:
    form = given(request, "slug", "name")
    error = tried(request, apps.create, {"slug": "", **form})
    if error is None:
        return see(request, "page_app", app=form["slug"])
    return draw(request, "apps", error.status, apps=apps.index(request), error=error, form=form)


@page("page_app", "GET", Capability.APP_READ)
def app(request: Request) -> Response:
    one = request.context.app
    figures = OverviewService(request.db, [one.id]).figures(runtime(request).clock())
    last = ExecutionService(request.db, one).list(PageRequest(10, None), ExecutionFilter()).items
    return draw(request, "app", figures=figures, executions=last if request.has_permission(Capability.LOG_READ) else [])
