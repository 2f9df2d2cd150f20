"""The receiver of inbound email. The order of its steps is part of the contract.

An adapter's `verify` may ask the outside for a certificate; all else is memory and the database.
"""

import time
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from typing import Any

from pyramid.request import Request
from pyramid.response import Response
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from picloud.domain.errors import NotFound, PicloudError, TooLarge, Unavailable, UnsupportedMediaType
from picloud.domain.ids import parse
from picloud.inbound.adapters import MEDIA_TYPES
from picloud.inbound.request import Request as Inbound
from picloud.services.delivery.completions import Waiter
from picloud.services.delivery.outbox import OutboxService
from picloud.services.email.inbound_requests import Noted
from picloud.services.email.intake import Accepted, Door, EmailIntake
from picloud.services.runtime import Runtime
from picloud.views.api import path_id, public, runtime
from picloud.views.problems import INBOUND


@public("email_inbound", "POST")
def receive(request: Request) -> dict[str, Any]:
    """One mail, or a batch: `deliveries` then holds the answer for each. 200 with `nothing` where there was none."""
    made_of = runtime(request)
    try:
        made_of.disk.admit()
        _check_envelope(request, made_of.settings.http_max_body_bytes)
    except PicloudError as error:
        note_refusal(made_of, request.path, error, request.content_length or 0, request.client_addr)
        raise
    with made_of.completions.waiter() as waiter:
        with made_of.large_bodies.admitted(request.content_length or 0):
            door, accepted = _taken_in(request, made_of, waiter)
        delivered = _delivered(made_of, door, accepted, waiter)
    request.response.status_int = 200 if len(delivered) == len(accepted) else door.done_status
    answers = [_answer(each, each in delivered) for each in accepted]
    if not answers:
        return {"delivery_id": None, "status": "nothing", "duplicate": False}
    return answers[0] if len(answers) == 1 else answers[0] | {"deliveries": answers}


@public("email_inbound", "HEAD")
def probe(request: Request) -> Response:
    """Whether mail is taken here. Mandrill asks so before it keeps an address."""
    with runtime(request).sessions() as session:
        if not _intake(runtime(request), session).is_open(path_id(request, "app_id"), path_id(request, "trigger_id")):
            raise NotFound("No mail is taken here.")
    return Response(status=200)


def note_refusal(made_of: Runtime, path: str, error: PicloudError, body_bytes: int, client: str | None) -> None:
    """Note a request that was refused before its trigger was looked up, where it has one. Never fails."""
    app_id, _, last = path.removeprefix(INBOUND).partition("/")
    trigger_id = parse(last)
    if trigger_id is None:
        return
    with suppress(PicloudError, SQLAlchemyError), made_of.sessions() as session:
        if _intake(made_of, session).is_open(parse(app_id), trigger_id):
            noted = Noted(made_of.clock(), error.status, error.problem_code, error.detail, body_bytes, client)
            made_of.inbound_requests.note(trigger_id, noted)


def _taken_in(request: Request, made_of: Runtime, waiter: Waiter) -> tuple[Door, list[Accepted]]:
    """Committed at the end."""
    door: Door | None = None
    try:
        with made_of.sessions() as session, session.begin():
            intake = _intake(made_of, session)
            door = _door(request, intake)
            _check_media_type(_media_type(request), door.adapter.media_types)
            inbound = _inbound(request, made_of)
            mails = intake.read(door, inbound, unsigned_max_bytes=made_of.settings.email_unsigned_max_bytes)
            accepted = [intake.accept(door, mail) for mail in mails]
            for each in accepted:
                if door.sync and not each.duplicate:
                    waiter.expect(each.delivery_id)
    except PicloudError as error:
        if door is not None:
            _note(request, made_of, door, error.status, error.problem_code, error.detail)
        raise
    notice = door.adapter.notice(inbound)
    if notice or not accepted:
        _note(request, made_of, door, 200, "nothing", notice or "There was no mail in it.")
    for each in accepted:
        outcome = "duplicate" if each.duplicate else "accepted"
        _note(request, made_of, door, door.done_status, outcome, None, each)
    return door, accepted


def _intake(made_of: Runtime, session: Session) -> EmailIntake:
    outbox = OutboxService(session, backlog_max=made_of.settings.backlog_max)
    return EmailIntake(session, outbox, made_of.master_key)


def _door(request: Request, intake: EmailIntake) -> Door:
    """Raises NotFound; UnsupportedMediaType where none of the providers sends this."""
    try:
        return intake.door(path_id(request, "app_id"), path_id(request, "trigger_id"))
    except NotFound:
        _check_media_type(_media_type(request), MEDIA_TYPES)
        raise


def _inbound(request: Request, made_of: Runtime) -> Inbound:
    headers = {name.lower(): value for name, value in request.headers.items()}
    url = (made_of.settings.public_url.rstrip("/") or request.host_url) + request.path_qs
    body = request.environ["wsgi.input"].read(request.content_length or 0)  # `request.body` would keep a copy
    return Inbound(headers, body, url, made_of.certificates)


def _delivered(made_of: Runtime, door: Door, accepted: Sequence[Accepted], waiter: Waiter) -> list[Accepted]:
    """Those whose delivery has ended well: before, or while the sender waits. None waits where too many callers do."""
    deadline = time.monotonic() + min(door.trigger.timeout_s, door.adapter.patience_s)
    try:
        with made_of.callers.seat() if waiter.expected else nullcontext():
            return [
                each
                for each in accepted
                if each.delivered or waiter.wait(each.delivery_id, max(0.0, deadline - time.monotonic()))
            ]
    except Unavailable:
        return [each for each in accepted if each.delivered]


def _answer(accepted: Accepted, delivered: bool) -> dict[str, Any]:
    return {
        "delivery_id": accepted.delivery_id,
        "status": "delivered" if delivered else "queued",
        "duplicate": accepted.duplicate,
    }


def _note(
    request: Request,
    made_of: Runtime,
    door: Door,
    status: int,
    outcome: str,
    detail: str | None,
    accepted: Accepted | None = None,
) -> None:
    delivery_id = accepted.delivery_id if accepted else None
    body_bytes = request.content_length or 0
    noted = Noted(made_of.clock(), status, outcome, detail, body_bytes, request.client_addr, delivery_id)
    made_of.inbound_requests.note(door.trigger.id, noted)


def _check_envelope(request: Request, max_bytes: int) -> None:
    """Raises TooLarge, UnsupportedMediaType."""
    if (request.content_length or 0) > max_bytes:
        raise TooLarge(f"A mail may have {max_bytes} bytes here.")
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise UnsupportedMediaType(f"Send the mail as it is, not in the encoding {encoding}.")


def _media_type(request: Request) -> str:
    media_type: str = request.content_type.lower()
    return "application/json" if media_type.endswith("+json") else media_type


def _check_media_type(media_type: str, taken: frozenset[str]) -> None:
    """Raises UnsupportedMediaType."""
    if media_type not in taken:
        raise UnsupportedMediaType(f"Send the mail as {' or '.join(sorted(taken))}, named by its Content-Type.")
