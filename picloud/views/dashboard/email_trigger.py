"""What the page of an email trigger adds: requests to copy, what senders need to know, and what came to its door."""

import json
import shlex
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from pyramid.request import Request

from picloud.domain.access import Capability
from picloud.domain.errors import PicloudError, Unavailable
from picloud.domain.kinds import TriggerKind
from picloud.inbound.signatures import sign_plain
from picloud.services.email.intake import EmailIntake
from picloud.views import email_guide, trigger_requests
from picloud.views.api import path_id, runtime
from picloud.views.dashboard.twin import outcome
from picloud.views.deliveries import outbox_service
from picloud.views.trigger_body import trigger_service

SAMPLE = {"from": "ada@example.com", "to": ["you@example.com"], "subject": "Hello", "text": "Hello from curl"}
PLACEHOLDER = "put the secret here"
# Standard Webhooks. The key is what follows whsec_, base64-decoded; openssl takes it as hex. Any other secret is the key.
_SIGNING = """\
URL={url}
SECRET={secret}
BODY={body}
ID=msg_$(openssl rand -hex 12)
TIME=$(date +%s)
KEY=$(case $SECRET in
  whsec_*) printf %s "${{SECRET#whsec_}}" | openssl base64 -d -A ;;
  *) printf %s "$SECRET" ;;
esac | od -An -v -tx1 | tr -d ' \\n')
SIGNATURE=$(printf %s "$ID.$TIME.$BODY" | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$KEY" -binary | openssl base64 -A)
curl "$URL" -H 'Content-Type: application/json' \\
  -H "webhook-id: $ID" -H "webhook-timestamp: $TIME" -H "webhook-signature: v1,$SIGNATURE" \\
  --data-binary "$BODY"
"""


def guide(request: Request, provider: str) -> tuple[dict[str, Any] | None, PicloudError | None]:
    """How the provider is set up that the address names, or else this one."""
    query = request.query_string
    request.query_string = urlencode({"provider": request.GET.get("provider") or provider})
    try:
        return outcome(request, email_guide.guide)
    finally:
        request.query_string = query


def door(request: Request, trigger: Mapping[str, Any], secret: str | None) -> dict[str, Any] | None:
    """`secret`: where it is shown now. None for who does not manage triggers."""
    if not request.has_permission(Capability.APP_MANAGE_TRIGGERS):
        return None
    return {
        "requests": trigger_requests.index(request),
        "curl": _curl(request, trigger),
        "signing": _signing(trigger, secret),
    }


def _signing(trigger: Mapping[str, Any], secret: str | None) -> str | None:
    """A script that signs each request anew, for bash and openssl."""
    if trigger["provider"] != "normalized" or not trigger["has_inbound_secret"]:
        return None
    parts = {"url": trigger["inbound_url"], "secret": secret or PLACEHOLDER, "body": json.dumps(SAMPLE)}
    return _SIGNING.format(**{name: shlex.quote(part) for name, part in parts.items()})


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
