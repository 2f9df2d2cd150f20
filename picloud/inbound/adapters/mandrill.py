"""Mailchimp Transactional (Mandrill) inbound: a form with a JSON array of events, signed over the address and the fields.

https://mailchimp.com/developer/transactional/docs/webhooks/#authenticating-webhook-requests
"""

import base64
import hmac
import json
from collections.abc import Sequence
from typing import Any

from picloud.domain.errors import BadSignature, Invalid, PicloudError
from picloud.inbound import forms, hex_hmac, mime
from picloud.inbound.adapter import FORMS, Adapter
from picloud.inbound.addresses import fitted
from picloud.inbound.loose import at, json_array, text_at
from picloud.inbound.message import Message
from picloud.inbound.packing import pack
from picloud.inbound.request import Request
from picloud.inbound.sample import Sample

SETUP = """Inbound, your domain, Routes: the inbound URL as the webhook. Then set the trigger's secret to the webhook's key
(Settings, Webhooks). The address must be the one that the trigger shows: it is signed too."""
_EVENTS = "mandrill_events"


def verify(request: Request, secrets: Sequence[str], now_s: float) -> None:
    try:
        form = forms.read(request)
    except PicloudError:
        raise BadSignature from None
    if form.fields.get(_EVENTS, b"").strip() == b"[]":
        return  # asks whether anybody is there, before it has a key, and brings nothing
    claimed = request.headers.get("x-mandrill-signature", "").encode("utf-8", "replace")
    signed = request.url.encode() + b"".join(name.encode() + form.fields[name] for name in sorted(form.fields))
    if not any(hmac.compare_digest(_signature(secret, signed), claimed) for secret in secrets if secret):
        raise BadSignature


def messages(request: Request, *, signed: bool) -> list[Message]:
    events = json_array(forms.read(request).fields.get(_EVENTS, b""))
    return [_message(event, signed) for event in events if at(event, "event") == "inbound"]


def _message(event: Any, signed: bool) -> Message:
    content = at(event, "msg")
    raw = text_at(content, "raw_msg")
    if raw is None:
        raise Invalid("There is no mail in msg.raw_msg.")
    mail = mime.parse(raw.encode("utf-8", "replace"))
    mail.envelope_from = text_at(content, "sender")
    mail.envelope_to = [fitted(text_at(content, "email") or "")] if text_at(content, "email") else []
    mail.received_at = at(event, "ts")
    mail.spf = text_at(content, "spf", "result")
    valid = at(content, "dkim", "valid")
    mail.dkim = ("pass" if valid else "fail") if isinstance(valid, bool) else None
    mail.spam_score = at(content, "spam_report", "score")
    return pack(mail, signed=signed)


def _signature(secret: str, signed: bytes) -> bytes:
    return base64.b64encode(hmac.digest(secret.encode("utf-8", "surrogatepass"), signed, "sha1"))


def sample(given: Sample) -> Request:
    content = {"raw_msg": given.raw.decode(), "email": given.envelope_to[0], "sender": given.envelope_from}
    events = json.dumps([{"event": "inbound", "ts": given.now_s, "msg": content}]).encode()
    signature = _signature(given.secret or "", given.url.encode() + _EVENTS.encode() + events).decode()
    return given.posted(*forms.written({_EVENTS: events}, given.id), {"x-mandrill-signature": signature})


ADAPTER = Adapter(
    media_types=FORMS,
    verify=verify,
    messages=messages,
    read_secret=hex_hmac.read_secret,
    generate=None,
    setup=SETUP,
    sample=sample,
)
