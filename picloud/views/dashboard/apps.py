from pyramid.request import Request
from pyramid.response import Response

from picloud.domain.access import Capability
from picloud.views import apps
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
