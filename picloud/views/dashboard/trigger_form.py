"""The fields of the forms of triggers, by kind, and what the API takes for them."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from pyramid.request import Request
from sqlalchemy import select

from picloud.domain.access import Capability
from picloud.domain.cron import Missed, Overlap
from picloud.domain.errors import PicloudError
from picloud.domain.kinds import (
    SYNC_KINDS,
    AttachmentPolicy,
    DispatchMode,
    EventKind,
    Priority,
    ScriptKind,
    TriggerKind,
)
from picloud.domain.kv import KvOp
from picloud.inbound.adapters import PROVIDERS
from picloud.models import Script
from picloud.services.triggers.email import GENERATE
from picloud.views import trigger_previews
from picloud.views.dashboard.limits import number
from picloud.views.dashboard.twin import ApiView, given, outcome

COMMON = ("script", "dispatch_mode", "priority")
NUMBERS = ("max_attempts", "backoff_base_s", "backoff_cap_s", "timeout_s", "quiet_after_s", "ack_status")
TEXTS: Mapping[str, tuple[str, ...]] = {
    TriggerKind.KV: ("collection_glob", "key_glob"),
    TriggerKind.CRON: ("schedule", "timezone", "missed", "overlap"),
    TriggerKind.EMAIL: ("provider", "attachments"),
    TriggerKind.DEAD_LETTER: ("source_kind", "source_trigger_id"),
    TriggerKind.QUEUE: ("queue",),
}
NULLABLE: Mapping[str, tuple[str, ...]] = {
    TriggerKind.EMAIL: ("quiet_after_s",),
    TriggerKind.DEAD_LETTER: ("source_kind", "source_trigger_id"),
}
"""What an empty field takes back."""
_PREVIEWS: Mapping[str, tuple[ApiView, tuple[str, ...], Capability]] = {
    TriggerKind.CRON: (trigger_previews.cron_times, ("schedule", "timezone"), Capability.APP_READ_TRIGGERS),
    TriggerKind.KV: (trigger_previews.kv_entries, ("collection_glob", "key_glob"), Capability.KV_READ),
}


def form_of(request: Request, kind: str) -> dict[str, Any]:
    """What was filled in."""
    form: dict[str, Any] = given(request, *COMMON, *NUMBERS, *TEXTS[kind], "secret_from", "secret", "overlap_s")
    if kind == TriggerKind.KV:
        form["ops"] = request.POST.getall("ops")
    return form


def body_of(form: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """Raises Invalid."""
    body: dict[str, Any] = {name: form[name] for name in (*COMMON, *TEXTS[kind]) if name in form}
    body |= {name: number(form[name], f"/{name}") for name in NUMBERS if name in form}
    if "ops" in form:
        body["ops"] = form["ops"]
    return dict.fromkeys(NULLABLE.get(kind, ())) | body


def secret_of(form: Mapping[str, Any]) -> str | None:
    """As the API takes an `inbound_secret`."""
    where = form.get("secret_from", GENERATE)
    if where == GENERATE:
        return GENERATE
    return str(form.get("secret", "")) if where == "given" else None


def preview(request: Request, kind: str, form: Mapping[str, Any]) -> tuple[Any, PicloudError | None]:
    """What a trigger like this would do, or what is wrong with it; nothing where there is nothing to say yet."""
    view, names, capability = _PREVIEWS.get(kind, (None, (), Capability.APP_READ_TRIGGERS))
    if view is None or not form.get(names[0]) or not request.has_permission(capability):
        return None, None
    query = request.query_string
    request.query_string = urlencode({name: form.get(name, "") for name in names})
    try:
        return outcome(request, view)
    finally:
        request.query_string = query


def choices(request: Request, kind: str) -> dict[str, Any]:
    """What the form's lists offer."""
    endpoints = select(Script.name).where(Script.app_id == request.context.app.id, Script.kind == ScriptKind.ENDPOINT)
    return {
        "scripts": request.db.scalars(endpoints.order_by(Script.name)).all(),
        "modes": list(DispatchMode) if kind in SYNC_KINDS else [],
        "priorities": list(Priority),
        "ops": list(KvOp),
        "missed": list(Missed),
        "overlaps": list(Overlap),
        "providers": PROVIDERS,
        "policies": list(AttachmentPolicy),
        "events": [each for each in EventKind if each is not EventKind.DEAD_LETTER],
    }
