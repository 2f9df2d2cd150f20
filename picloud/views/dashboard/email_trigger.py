"""What the page of an email trigger adds: a signed request to copy, and what came to its door."""

import json
import shlex
from collections.abc import Mapping
from typing import Any

from pyramid.request import Request

from picloud.domain.access import Capability
from picloud.domain.errors import Unavailable
from picloud.domain.kinds import TriggerKind
from picloud.inbound.signatures import sign_plain
from picloud.services.email.intake import EmailIntake
from picloud.views import trigger_requests
from picloud.views.api import path_id, runtime
from picloud.views.deliveries import outbox_service
from picloud.views.trigger_body import trigger_service

SAMPLE = {"from": "ada@example.com", "to": ["you@example.com"], "subject": "Hello", "text": "Hello from curl"}


def door(request: Request, trigger: Mapping[str, Any]) -> dict[str, Any] | None:
    """None for who does not manage triggers."""
    if not request.has_permission(Capability.APP_MANAGE_TRIGGERS):
        return None
    return {"requests": trigger_requests.index(request), "curl": _curl(request, trigger)}


def _curl(request: Request, trigger: Mapping[str, Any]) -> str | None:
    """A request with a right signature, in the form without a time, so that it stays right as long as the secret does. None
    for providers whose requests we can't make."""
    if trigger["provider"] != "normalized":
        return None
    body = json.dumps(SAMPLE)
    try:
        headers = {"Content-Type": "application/json"} | _signature(request, body.encode())
    except Unavailable:
        return None
    lines = [
        f"curl {shlex.quote(trigger['inbound_url'])}",
        *(f"-H {shlex.quote(f'{k}: {v}')}" for k, v in headers.items()),
    ]
    return " \\\n  ".join([*lines, f"-d {shlex.quote(body)}"])


def _signature(request: Request, body: bytes) -> dict[str, str]:
    trigger = trigger_service(request).get(path_id(request), TriggerKind.EMAIL)
    intake = EmailIntake(request.db, outbox_service(request), runtime(request).master_key)
    secrets = intake.door_of(trigger).secrets
    return sign_plain(secrets[-1], body) if secrets else {}
