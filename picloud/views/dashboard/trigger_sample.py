"""The sample that a trigger's page sends: what was composed, and what becomes of its delivery."""

import base64
from typing import Any

from pyramid.request import Request

from picloud.domain import ids
from picloud.domain.access import Capability
from picloud.domain.kinds import TriggerKind
from picloud.views import deliveries, executions
from picloud.views.dashboard.twin import given, read_at

MAIL = ("from", "to", "subject", "text", "html")
SIGNATURES = ("verified", "skipped", "none")


def composed(request: Request, kind: str) -> tuple[dict[str, str], dict[str, Any]]:
    """The form, and the sample that the API takes for it: without one, the API makes it up. Raises Invalid."""
    form = given(request, *MAIL)
    if kind != TriggerKind.EMAIL or "to" not in form:
        return form, {"event": {}}
    mail = form | {"to": [address.strip() for address in form["to"].split(",")], "attachments": _attachments(request)}
    return form, {"event": {"email": mail}}


def _attachments(request: Request) -> list[dict[str, str]]:
    found = request.POST.get("attachment")
    if found is None or isinstance(found, str | bytes):
        return []
    content = base64.b64encode(found.file.read()).decode()
    media_type = found.type or "application/octet-stream"
    return [{"filename": found.filename, "content_type": media_type, "content": content}]


def followed(request: Request) -> dict[str, Any] | None:
    """The delivery that the address names, with the run of its last attempt; None for who may not see it."""
    delivery_id = ids.parse(request.GET.get("delivery", ""))
    if delivery_id is None or not request.has_permission(Capability.LOG_READ):
        return None
    delivery = read_at(request, deliveries.read, delivery_id)
    if delivery is None:
        return None
    attempts = delivery["attempts"]
    run = read_at(request, executions.read, attempts[-1]["execution_id"]) if attempts else None
    signature = request.GET.get("signature")
    return {"delivery": delivery, "run": run, "signature": signature if signature in SIGNATURES else None}
