from datetime import datetime
from typing import Any
from uuid import UUID

from pyramid.request import Request

from picloud.domain import ids
from picloud.domain.access import Capability
from picloud.domain.audit import Action
from picloud.models import AuditEvent
from picloud.services.apps.apps import AppService
from picloud.services.audit import AuditFilter, AuditService, visible_apps
from picloud.views.api import api, filter_text, page_request, page_shape, query_as

NO_APP = UUID(int=0)


def shape(event: AuditEvent) -> dict[str, Any]:
    return {
        "id": event.id,
        "created_at": event.created_at,
        "actor": event.actor,
        "actor_id": event.actor_id,
        "via": event.via,
        "address": event.address,
        "request_id": event.request_id,
        "action": event.action,
        "app_id": event.app_id,
        "target": event.target,
        "before": event.before,
        "after": event.after,
    }


@api("audit_events", "GET", Capability.SELF_READ_AUDIT)
def index(request: Request) -> dict[str, Any]:
    """Newest first. An app that one may not look into, or that never was, has no events."""
    wanted = AuditFilter(
        apps=visible_apps(request.db, request.identity),
        app_id=_app_id(request),
        actor=filter_text(request, "actor"),
        action=query_as(request, "action", Action),
        target=filter_text(request, "target"),
        since=query_as(request, "since", datetime),
        until=query_as(request, "until", datetime),
    )
    return page_shape(AuditService(request.db).list(wanted, page_request(request)), shape)


def _app_id(request: Request) -> UUID | None:
    """The app asked for, by id or slug; one that was deleted still has its id."""
    reference = filter_text(request, "app")
    if reference is None:
        return None
    app = AppService(request.db).find(reference)
    return app.id if app else ids.parse(reference) or NO_APP
