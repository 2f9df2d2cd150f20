from typing import Any

import msgspec
from msgspec import UNSET, UnsetType
from pyramid.request import Request

from picloud.domain.access import Capability
from picloud.domain.audit import Action
from picloud.domain.errors import invalid
from picloud.domain.ids import uuid7
from picloud.domain.kinds import AttachmentPolicy, EventKind, TriggerKind
from picloud.inbound.adapters import adapter
from picloud.models import Trigger
from picloud.security.accountability import audit
from picloud.services.email import samples
from picloud.services.email.intake import EmailIntake
from picloud.services.events.parts import part
from picloud.services.events.samples import SAMPLES
from picloud.services.triggers.email import GENERATE, EmailFields, EmailTriggerService
from picloud.views.api import api, optional_json_body, path_id, runtime
from picloud.views.deliveries import outbox_service
from picloud.views.trigger_body import CommonBody, trigger_service

MAX_OVERLAP_S = 30 * 86_400


class NewEmailTrigger(CommonBody, kw_only=True):
    script: str
    provider: str = "normalized"
    ack_status: int = 202
    inbound_secret: str | None = None
    attachments: AttachmentPolicy = AttachmentPolicy.STORE
    quiet_after_s: float | None = None


class EmailTriggerChange(CommonBody, kw_only=True):
    provider: str | None = None
    ack_status: int | None = None
    inbound_secret: str | UnsetType | None = UNSET
    attachments: AttachmentPolicy | None = None
    quiet_after_s: float | UnsetType | None = UNSET


class Rotation(msgspec.Struct, forbid_unknown_fields=True):
    inbound_secret: str = GENERATE
    overlap_s: float = 86_400


class EmailTriggers:
    new: type[CommonBody] = NewEmailTrigger
    changed: type[CommonBody] = EmailTriggerChange

    def create(self, request: Request, body: NewEmailTrigger) -> tuple[Trigger, dict[str, Any]]:
        trigger, secret = _service(request).create(
            body.common(),
            request.identity.user_id,
            email=_fields(body),
            inbound_secret=body.inbound_secret,
        )
        return trigger, _shown(secret)

    def change(self, request: Request, trigger: Trigger, body: EmailTriggerChange) -> dict[str, Any]:
        emails = _service(request)
        emails.update(trigger, _fields(body), new_secret=body.inbound_secret is not UNSET)
        if isinstance(body.inbound_secret, UnsetType):
            return {}
        return _shown(emails.set_secret(trigger, body.inbound_secret))

    def send_sample(self, request: Request, trigger: Trigger, given: Any) -> samples.Sent:
        """A mail as the trigger's provider would send it. `given`: fields of it, or UNSET. Raises Invalid, Conflict."""
        own = {"message_id": f"<{uuid7()}@sample.example>"}
        email = part(EventKind.EMAIL, given, SAMPLES[EventKind.EMAIL]() | own)
        intake = EmailIntake(request.db, outbox_service(request), runtime(request).master_key)
        return samples.send(intake, trigger, email, _inbound_url(request, trigger))

    def details(self, request: Request, trigger: Trigger) -> dict[str, Any]:
        emails = _service(request)
        found = emails.details(trigger)
        return {
            "provider": found.provider,
            "ack_status": found.ack_status,
            "has_inbound_secret": emails.wants_signature(trigger),
            "attachments": found.attachments,
            "quiet_after_s": found.quiet_after_s,
            "setup": " ".join(adapter(found.provider).setup.split()),
            "inbound_url": _inbound_url(request, trigger),
        }


@api("rotate_secret", "POST", Capability.APP_MANAGE_TRIGGERS)
def rotate(request: Request) -> dict[str, Any]:
    """The trigger's answer holds what can be kept; `inbound_secret` is shown where it was generated."""
    trigger = trigger_service(request).get(path_id(request), TriggerKind.EMAIL)
    body = optional_json_body(request, Rotation)
    if not 0 <= body.overlap_s <= MAX_OVERLAP_S:
        raise invalid("/overlap_s", f"has to be from 0 to {MAX_OVERLAP_S}")
    secret = _service(request).rotate(trigger, body.inbound_secret, body.overlap_s)
    audit(request, Action.TRIGGER_ROTATE_SECRET, trigger.id, after={"overlap_s": body.overlap_s})
    return {"id": trigger.id, "kind": trigger.kind} | EmailTriggers().details(request, trigger) | _shown(secret)


def _inbound_url(request: Request, trigger: Trigger) -> str:
    path: str = request.route_path("email_inbound", app_id=trigger.app_id, trigger_id=trigger.id)
    return (runtime(request).settings.public_url.rstrip("/") or request.host_url) + path


def _fields(body: NewEmailTrigger | EmailTriggerChange) -> EmailFields:
    return EmailFields(body.provider, body.ack_status, body.attachments, body.quiet_after_s)


def _service(request: Request) -> EmailTriggerService:
    return EmailTriggerService(request.db, trigger_service(request), runtime(request).master_key)


def _shown(secret: str | None) -> dict[str, Any]:
    return {"inbound_secret": secret} if secret else {}
