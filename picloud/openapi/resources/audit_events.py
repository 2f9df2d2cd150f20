from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from picloud.domain.audit import Action
from picloud.openapi.operation import FILTER, PAGE, Moment, Operation, Query, Resource, page


class AuditEvent(msgspec.Struct):
    """Who (`actor`) by what means (`via`) from where (`address`) did what (`action`) to what (`target`).

    `before` and `after` hold the fields that changed, and no secret.
    """

    id: UUID
    created_at: Moment
    actor: str
    actor_id: UUID | None
    via: str
    address: str | None
    request_id: str | None
    action: Action
    app_id: UUID | None
    target: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


_FILTER = (
    Query("app", FILTER, "Only of this app: its id or slug."),
    Query("actor", FILTER, "Only by this user: its id or email."),
    Query("action", Action, "Only of this kind."),
    Query("target", FILTER, "Only on this target."),
    Query("since", datetime, "Only from this moment on."),
    Query("until", datetime, "Only before this moment."),
)

AUDIT_EVENTS = Resource(
    "audit events",
    "Who did what. Instance admins see everything, app admins what concerns their apps.",
    (
        Operation(
            route="audit_events",
            method="GET",
            id="list_audit_events",
            summary="List what was done, newest first",
            query=(*PAGE, *_FILTER),
            answers={200: page(AuditEvent, "AuditEventPage")},
        ),
    ),
)
