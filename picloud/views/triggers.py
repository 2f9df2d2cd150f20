"""Triggers of all kinds. What a kind adds stands in its own file."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import msgspec
from msgspec import UNSET
from pyramid.request import Request
from pyramid.response import Response

from picloud.domain.access import Capability
from picloud.domain.audit import Action
from picloud.domain.errors import invalid
from picloud.domain.kinds import TriggerKind
from picloud.models import Script, Trigger
from picloud.security.accountability import audit
from picloud.services.events.sample_events import SampleEventService
from picloud.services.triggers.last_runs import last_runs
from picloud.views.api import api, json_body, optional_json_body, page_request, page_shape, path_id, storing
from picloud.views.cron_triggers import CronTriggers, plan
from picloud.views.dead_letter_triggers import DeadLetterTriggers
from picloud.views.deliveries import outbox_service
from picloud.views.email_triggers import EmailTriggers
from picloud.views.kv_triggers import KvTriggers
from picloud.views.queue_triggers import QueueTriggers
from picloud.views.trigger_body import KindViews, trigger_service

KINDS: Mapping[str, KindViews] = {
    TriggerKind.KV: KvTriggers(),
    TriggerKind.CRON: CronTriggers(),
    TriggerKind.EMAIL: EmailTriggers(),
    TriggerKind.DEAD_LETTER: DeadLetterTriggers(),
    TriggerKind.QUEUE: QueueTriggers(),
}


def shape(request: Request, trigger: Trigger, script: Script) -> dict[str, Any]:
    return {
        "id": trigger.id,
        "app_id": trigger.app_id,
        "kind": trigger.kind,
        "script": script.name,
        "enabled": trigger.enabled,
        "dispatch_mode": trigger.dispatch_mode,
        "max_attempts": trigger.max_attempts,
        "backoff_base_s": trigger.backoff_base_s,
        "backoff_cap_s": trigger.backoff_cap_s,
        "timeout_s": trigger.timeout_s,
        "priority": trigger.priority,
        "registered_by": trigger.registered_by,
        "created_at": trigger.created_at,
        "updated_at": trigger.updated_at,
    } | KINDS[trigger.kind].details(request, trigger)


class GivenPart(msgspec.Struct, forbid_unknown_fields=True):
    kind: TriggerKind | None = None
    kv: Any = UNSET
    cron: Any = UNSET
    email: Any = UNSET
    dead_letter: Any = UNSET
    queue: Any = UNSET


class NewSample(msgspec.Struct, forbid_unknown_fields=True):
    event: GivenPart = msgspec.field(default_factory=GivenPart)


@api("triggers", "GET", Capability.APP_READ_TRIGGERS)
def index(request: Request) -> dict[str, Any]:
    page = trigger_service(request).list(page_request(request))
    found = page_shape(page, lambda pair: shape(request, *pair))
    return found | {"items": _with_last_runs(request, found["items"])}


@api("triggers_of_kind", "POST", Capability.APP_MANAGE_TRIGGERS)
def create(request: Request) -> dict[str, Any]:
    kind = KINDS[request.matchdict["kind"]]
    trigger, shown_once = kind.create(request, json_body(request, kind.new))
    made = _shape_one(request, trigger)
    audit(request, Action.TRIGGER_CREATE, trigger.id, after=made)
    request.response.status_int = 201
    return _with_last_run(request, made) | shown_once


@api("trigger", "GET", Capability.APP_READ_TRIGGERS)
def read(request: Request) -> dict[str, Any]:
    return _with_last_run(request, _shape_one(request, trigger_service(request).get(path_id(request))))


@api("trigger", "PATCH", Capability.APP_MANAGE_TRIGGERS)
def update(request: Request) -> dict[str, Any]:
    triggers = trigger_service(request)
    trigger = triggers.get(path_id(request))
    kind = KINDS[trigger.kind]
    body, before = json_body(request, kind.changed), _shape_one(request, trigger)
    triggers.update(trigger, body.common())
    shown_once = kind.change(request, trigger, body)
    changed = _shape_one(request, trigger)
    audit(request, Action.TRIGGER_UPDATE, trigger.id, before, changed)
    return _with_last_run(request, changed) | shown_once


@api("trigger", "DELETE", Capability.APP_MANAGE_TRIGGERS)
def delete(request: Request) -> Response:
    triggers = trigger_service(request)
    trigger = triggers.get(path_id(request))
    audit(request, Action.TRIGGER_DELETE, trigger.id, _shape_one(request, trigger))
    triggers.delete(trigger)
    return Response(status=204)


@api("restore_trigger", "POST", Capability.APP_MANAGE_TRIGGERS)
def restore(request: Request) -> dict[str, Any]:
    trigger = trigger_service(request).restore(path_id(request))
    if trigger.kind == TriggerKind.CRON:
        plan(request, trigger)
    restored = _shape_one(request, trigger)
    audit(request, Action.TRIGGER_RESTORE, trigger.id, after=restored)
    return _with_last_run(request, restored)


@api("test_trigger", "POST", Capability.APP_MANAGE_TRIGGERS)
@storing
def test(request: Request) -> dict[str, Any]:
    """A sample event of the kind, delivered for real, also where the trigger is off. The body may give fields of it:
    `{"event": {"kv": {"key": "k"}}}`. A mail is made as the trigger's provider makes it, and comes in by the trigger's own
    door; `signature` and `detail` say whether it could be signed, `Location` where to follow it."""
    trigger = trigger_service(request).get(path_id(request))
    given = _given(optional_json_body(request, NewSample).event, TriggerKind(trigger.kind))
    sent = _send(request, trigger, given)
    audit(request, Action.TRIGGER_TEST, trigger.id, after={"delivery_id": sent["delivery_id"]})
    request.response.status_int = 202
    app = request.matchdict["app"]
    request.response.location = request.route_path("delivery", app=app, id=sent["delivery_id"])
    return sent


def _send(request: Request, trigger: Trigger, given: Any) -> dict[str, Any]:
    if trigger.kind == TriggerKind.EMAIL:
        return {"status": "queued"} | asdict(EmailTriggers().send_sample(request, trigger, given))
    delivery_id = SampleEventService(request.db, outbox_service(request)).deliver(trigger, given)
    return {"status": "queued", "delivery_id": delivery_id, "duplicate": False, "signature": "none", "detail": None}


def _given(event: GivenPart, kind: TriggerKind) -> Any:
    """What is given of the event's part. Raises Invalid."""
    if event.kind not in (None, kind):
        raise invalid("/event/kind", f"has to be {kind}, as the trigger's")
    for other in TriggerKind:
        if other is not kind and getattr(event, other) is not UNSET:
            raise invalid(f"/event/{other}", f"is no part of an event of the kind {kind}")
    return getattr(event, kind)


def _shape_one(request: Request, trigger: Trigger) -> dict[str, Any]:
    return shape(request, trigger, request.db.get_one(Script, trigger.script_id))


def _with_last_run(request: Request, shown: dict[str, Any]) -> dict[str, Any]:
    return _with_last_runs(request, [shown])[0]


def _with_last_runs(request: Request, shown: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """How they did is no state of theirs: it is shown, and stands in no tag and no audit event."""
    runs = last_runs(request.db, [each["id"] for each in shown])
    return [each | asdict(runs[each["id"]]) for each in shown]
