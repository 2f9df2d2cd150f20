"""What came to an email trigger's door: for who manages the app's triggers."""

from datetime import timedelta
from typing import Any

from pyramid.request import Request

from picloud.domain.access import Capability
from picloud.domain.kinds import TriggerKind
from picloud.models import EmailTriggerDetails, InboundCounter, InboundRequest, Trigger
from picloud.services.email.inbound_requests import counters, last_requests
from picloud.views.api import api, path_id, runtime
from picloud.views.trigger_body import trigger_service


@api("trigger_requests", "GET", Capability.APP_MANAGE_TRIGGERS)
def index(request: Request) -> dict[str, Any]:
    """The last 50 requests, newest first, how often each outcome was and when last, and what is not as it should be."""
    trigger = trigger_service(request).get(path_id(request), TriggerKind.EMAIL)
    runtime(request).inbound_requests.write()
    counted = counters(request.db, trigger.id)
    return {
        "items": [_shape(each) for each in last_requests(request.db, trigger.id)],
        "next": None,
        "counters": {each.outcome: {"requests": each.requests, "last_at": each.last_at} for each in counted},
        "conditions": _conditions(request, trigger, {each.outcome: each for each in counted}),
    }


def _shape(noted: InboundRequest) -> dict[str, Any]:
    names = ("id", "at", "status", "outcome", "detail", "body_bytes", "client", "delivery_id")
    return {name: getattr(noted, name) for name in names}


def _conditions(request: Request, trigger: Trigger, counted: dict[str, InboundCounter]) -> list[dict[str, Any]]:
    quiet_after_s = request.db.get_one(EmailTriggerDetails, trigger.id).quiet_after_s
    accepted = counted.get("accepted")
    since = accepted.last_at if accepted else trigger.created_at
    if quiet_after_s is None or runtime(request).clock() - since < timedelta(seconds=quiet_after_s):
        return []
    detail = f"No mail since {since:%Y-%m-%d %H:%M} UTC: more than {quiet_after_s / 3600:g} hours."
    return [{"code": "no_mail", "detail": detail, "since": since}]
