from pyramid.request import Request
from pyramid.response import Response

from picloud.domain.access import Capability
from picloud.views import doctor
from picloud.views.dashboard.page import draw, page


@page("page_doctor", "GET", Capability.INSTANCE_READ_METRICS)
def index(request: Request) -> Response:
    return draw(request, "doctor", findings=doctor.read(request)["items"])
