"""Whom to tell of trouble."""

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType
from pyramid.request import Request
from pyramid.response import Response

from picloud.domain.access import Capability
from picloud.domain.audit import Action
from picloud.domain.notices import Channel, Condition
from picloud.models import NotificationSettings
from picloud.security.accountability import audit
from picloud.services.instance.notifications import NotificationService
from picloud.services.instance.telling import tell
from picloud.views.api import api, json_body, runtime

SILENT_H = 24
MOST_H = 24 * 90


class NotificationChange(msgspec.Struct, forbid_unknown_fields=True):
    """`token` left out: it stays, as long as the url's host does; null: there is none."""

    channel: Channel
    url: str
    conditions: list[Condition] = msgspec.field(default_factory=lambda: list(Condition))
    mail_silent_h: Annotated[int, Meta(ge=1, le=MOST_H)] = SILENT_H
    token: str | UnsetType | None = UNSET


def shape(row: NotificationSettings | None) -> dict[str, Any]:
    if row is None:
        return {"channel": None, "url": None, "has_token": False, "conditions": [], "mail_silent_h": SILENT_H}
    return {
        "channel": row.channel,
        "url": row.url,
        "has_token": row.sealed is not None,
        "conditions": row.conditions,
        "mail_silent_h": row.mail_silent_h,
    }


@api("notifications", "GET", Capability.INSTANCE_MANAGE_SETTINGS)
def read(request: Request) -> dict[str, Any]:
    service = _service(request)
    notices = [
        {
            "condition": notice.condition,
            "detail": notice.detail,
            "since": notice.created_at,
            "sent_at": notice.sent_at,
            "error": notice.error,
        }
        for notice in service.notices()
    ]
    return shape(service.find()) | {"notices": notices}


@api("notifications", "PUT", Capability.INSTANCE_MANAGE_SETTINGS)
def put(request: Request) -> dict[str, Any]:
    body, service = json_body(request, NotificationChange), _service(request)
    before = shape(service.find())
    row = service.put(body.channel, body.url, body.conditions, body.mail_silent_h)
    if not isinstance(body.token, UnsetType):
        service.set_token(row, body.token)
    audit(request, Action.NOTIFICATIONS_SET, "notifications", before, shape(row))
    runtime(request).runner.used.set()
    changed: dict[str, Any] = read(request)
    return changed


@api("notifications", "DELETE", Capability.INSTANCE_MANAGE_SETTINGS)
def delete(request: Request) -> Response:
    service = _service(request)
    before = shape(service.find())
    service.delete()
    audit(request, Action.NOTIFICATIONS_DELETE, "notifications", before)
    return Response(status=204)


@api("test_notifications", "POST", Capability.INSTANCE_MANAGE_SETTINGS)
def test(request: Request) -> dict[str, Any]:
    """Sends one now."""
    to = _service(request).destination()
    # The connection is not held while the other side takes its time.
    request.tm.abort()
    request.tm.begin()
    error = tell(
        runtime(request).outbound, to, "test", "PiCloud: a test", "It works: this is how you are told of trouble."
    )
    audit(request, Action.NOTIFICATIONS_TEST, "notifications", after={"url": to.url, "error": error})
    return {"sent": error is None, "error": error}


def _service(request: Request) -> NotificationService:
    return NotificationService(request.db, runtime(request).master_key)
