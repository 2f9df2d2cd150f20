"""The receiver of inbound email. The order of its steps is part of the contract."""

from typing import Any

from pyramid.request import Request
from sqlalchemy.orm import Session

from picloud.domain.errors import TooLarge, UnsupportedMediaType
from picloud.domain.kinds import DispatchMode
from picloud.inbound.adapters import ADAPTERS
from picloud.services.email_intake import Accepted, Door, EmailIntake
from picloud.services.outbox import OutboxService
from picloud.services.runtime import Runtime
from picloud.views.api import path_id, public, runtime


@public("email_inbound", "POST")
def receive(request: Request) -> dict[str, Any]:
    made_of = runtime(request)
    _check_envelope(request, made_of.settings.http_max_body_bytes)
    with made_of.sessions() as session, session.begin():
        door, accepted = _accept(request, made_of, session)
        waits = door.trigger.dispatch_mode == DispatchMode.SYNC and not accepted.duplicate
        if waits:
            made_of.completions.expect(accepted.delivery_id)
        timeout_s, ack_status = door.trigger.timeout_s, door.ack_status
    delivered = waits and made_of.completions.wait(accepted.delivery_id, timeout_s)
    request.response.status_int = 200 if delivered else ack_status
    return {
        "delivery_id": accepted.delivery_id,
        "status": "delivered" if delivered else "queued",
        "duplicate": accepted.duplicate,
    }


def _accept(request: Request, made_of: Runtime, session: Session) -> tuple[Door, Accepted]:
    settings = made_of.settings
    intake = EmailIntake(session, OutboxService(session, backlog_max=settings.backlog_max), made_of.master_key)
    door = intake.door(path_id(request, "app_id"), path_id(request, "trigger_id"))
    headers = {name.lower(): value for name, value in request.headers.items()}
    messages = intake.read(door, headers, request.body, unsigned_max_bytes=settings.email_unsigned_max_bytes)
    accepted = [intake.accept(door, message) for message in messages]
    return door, accepted[0]


def _check_envelope(request: Request, max_bytes: int) -> None:
    """Raises TooLarge, UnsupportedMediaType."""
    if (request.content_length or 0) > max_bytes:
        raise TooLarge(f"A mail may have {max_bytes} bytes here.")
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise UnsupportedMediaType(f"Send the mail as it is, not in the encoding {encoding}.")
    taken = {media_type for adapter in ADAPTERS.values() for media_type in adapter.media_types}
    if request.content_type.lower() not in taken and not request.content_type.endswith("+json"):
        raise UnsupportedMediaType("Send the mail as JSON, with `Content-Type: application/json`.")
