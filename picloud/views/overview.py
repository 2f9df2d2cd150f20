"""What happened of late, and what the machine has left."""

from dataclasses import asdict
from typing import Any

from pyramid.request import Request

from picloud.domain.access import Capability
from picloud.services.apps.apps import AppService
from picloud.services.instance.box import box
from picloud.services.instance.overview import OverviewService
from picloud.services.principals import Principal
from picloud.views.api import api, runtime


@api("overview", "GET", Capability.SELF_READ_OVERVIEW)
def read(request: Request) -> dict[str, Any]:
    """Of all apps for who may see all; else of those in which the user has a role; with a bound key of its one app."""
    principal: Principal = request.identity
    everything = principal.may(Capability.LOG_READ) and principal.app_id is None
    apps = [principal.app_id] if principal.app_id else AppService(request.db).ids_of(principal.user_id)
    service = OverviewService(request.db, None if everything else apps)
    shown = _shape(request, service) | {"steps": asdict(service.steps())}
    if principal.app_id is not None or not principal.may(Capability.INSTANCE_READ_METRICS):
        return shown | {"box": None}
    made_of = runtime(request)
    return shown | {"box": asdict(box(request.db, made_of.executor, made_of.settings))}


@api("app_overview", "GET", Capability.LOG_READ)
def read_app(request: Request) -> dict[str, Any]:
    return _shape(request, OverviewService(request.db, [request.context.app.id]))


def _shape(request: Request, service: OverviewService) -> dict[str, Any]:
    made_of = runtime(request)
    hours = service.hours(made_of.hours, made_of.clock())
    return {
        **asdict(service.figures(hours)),
        "hours": [asdict(hour) for hour in hours],
        "failures": [dict(row._mapping) for row in service.failures(hours)],
        "crons": [dict(row._mapping) for row in service.crons()],
    }
