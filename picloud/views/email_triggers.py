from typing import Any

import msgspec
from pyramid.request import Request

from picloud.domain.access import Capability
from picloud.domain.errors import invalid
from picloud.domain.kinds import TriggerKind
from picloud.services.email_triggers import GENERATE
from picloud.views.api import api, json_body, optional_json_body, path_id
from picloud.views.triggers import CommonChange, email_trigger_service, shape_one, trigger_service

MAX_OVERLAP_S = 30 * 86_400


class NewEmailTrigger(CommonChange, kw_only=True):
    script: str
    provider: str = "normalized"
    ack_status: int = 202
    inbound_secret: str | None = None


class Rotation(msgspec.Struct):
    inbound_secret: str = GENERATE
    overlap_s: float = 86_400


@api("email_triggers", "POST", Capability.APP_MANAGE_TRIGGERS)
def create(request: Request) -> dict[str, Any]:
    body = json_body(request, NewEmailTrigger)
    trigger, secret = email_trigger_service(request).create(
        body.common(),
        request.identity.user_id,
        provider=body.provider,
        ack_status=body.ack_status,
        inbound_secret=body.inbound_secret,
    )
    request.response.status_int = 201
    return shape_one(request, trigger, secret)


@api("rotate_secret", "POST", Capability.APP_MANAGE_TRIGGERS)
def rotate(request: Request) -> dict[str, Any]:
    trigger = trigger_service(request).get(path_id(request), TriggerKind.EMAIL)
    body = optional_json_body(request, Rotation)
    if not 0 <= body.overlap_s <= MAX_OVERLAP_S:
        raise invalid("/overlap_s", f"has to be from 0 to {MAX_OVERLAP_S}")
    secret = email_trigger_service(request).rotate(trigger, body.inbound_secret, body.overlap_s)
    return shape_one(request, trigger, secret)
