"""Trying a script out."""

import base64
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec import UNSET
from pyramid.request import Request
from pyramid.response import Response

from picloud.domain.access import Capability
from picloud.domain.clock import rfc3339
from picloud.domain.delivery import MAX_DEPTH
from picloud.domain.errors import Invalid, PicloudError, invalid
from picloud.domain.ids import uuid7
from picloud.domain.kinds import EventKind, HttpInTest, ScriptKind
from picloud.services.code.app_code import AppCode
from picloud.services.code.masking import masked
from picloud.services.events.parts import part
from picloud.services.runs.script_tests import ScriptTest
from picloud.views.api import api, json_body, path_text, runtime, utc_moment
from picloud.views.handler_wait import handler_wait
from picloud.views.problems import problem_response
from picloud.views.run_answer import answer
from picloud.views.scripts import script_service

MAX_ATTEMPT = 1_000


class GivenEvent(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """An event as a handler sees it: one from an execution can be given as it is. All but the kind has a default."""

    kind: EventKind
    id: UUID | None = None
    attempt: int = 1
    occurred_at: datetime | None = None
    trace_id: UUID | None = None
    depth: int = 0
    http: Any = UNSET
    kv: Any = UNSET
    cron: Any = UNSET
    email: Any = UNSET
    dead_letter: Any = UNSET
    queue: Any = UNSET
    manual: Any = UNSET


class NewTest(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    event: GivenEvent
    source: str | None = None
    http: HttpInTest = HttpInTest.SAFE


@api("test_script", "POST", Capability.SCRIPT_WRITE)
def test(request: Request) -> dict[str, Any]:
    """Runs the script, or the given source in its place, and answers what came of it. No effect stays, no trigger is
    set off, no execution is recorded.

    Requests to the outside can't be taken back. So unless `http` says `all` or `none`, only those are made that ask for
    no change (GET, HEAD, OPTIONS); any other raises PermissionError in the handler. All are listed.
    """
    body = json_body(request, NewTest)
    event = _event(body.event, runtime(request).clock())
    app, script_id = _code(request, body.source)
    principal = request.identity.email
    # The connection is not held while the handler runs.
    request.tm.abort()
    request.tm.begin()
    with handler_wait(runtime(request)):
        test = runtime(request).script_tests.run(app, script_id, event, principal, body.http)
    shown: dict[str, Any] = masked(_shape(test, event, request.id), test.secrets)
    return shown


def _code(request: Request, source: str | None) -> tuple[AppCode, UUID]:
    """The app's code, with `source` in the place of the script's. Raises NotFound, Invalid, TooLarge."""
    scripts = script_service(request)
    script = scripts.get(path_text(request, "name"))
    if script.kind != ScriptKind.ENDPOINT:
        raise Invalid(f"{script.name!r} is a module: only an endpoint has a handler to run.")
    app = runtime(request).app_codes.by_id(request.context.app.id)
    if source is not None:
        scripts.check(script.name, ScriptKind(script.kind), source)
        app = app.draft(script.id, source)
    return app, script.id


def _event(given: GivenEvent, now: datetime) -> dict[str, Any]:
    """Raises Invalid."""
    kind = given.kind
    for other in EventKind:
        if other is not kind and getattr(given, other) is not UNSET:
            raise invalid(f"/event/{other}", f"is no part of an event of the kind {kind}")
    for name, value, least, most in (("attempt", given.attempt, 1, MAX_ATTEMPT), ("depth", given.depth, 0, MAX_DEPTH)):
        if not least <= value <= most:
            raise invalid(f"/event/{name}", f"has to be from {least} to {most}")
    occurred_at = utc_moment("/event/occurred_at", given.occurred_at) if given.occurred_at else now
    event_id = given.id or uuid7()
    return {
        "id": str(event_id),
        "kind": kind,
        "attempt": given.attempt,
        "occurred_at": rfc3339(occurred_at),
        "trace_id": str(given.trace_id or event_id),
        "depth": given.depth,
        kind.value: part(kind, getattr(given, kind)),
    }


def _shape(test: ScriptTest, event: dict[str, Any], request_id: str) -> dict[str, Any]:
    outcome = test.run.outcome
    return {
        "script": test.run.script,
        "version": test.run.version or None,
        "status": outcome.status,
        "result": msgspec.json.decode(outcome.result) if outcome.result is not None else None,
        "http": _http_shape(test, request_id) if event["kind"] is EventKind.HTTP else None,
        "logs": outcome.logs,
        "error": asdict(outcome.error) if outcome.error else None,
        "control": asdict(outcome.control) if outcome.control else None,
        "wall_ms": outcome.wall_ms,
        "cpu_ms": outcome.cpu_ms,
        "memory_peak_bytes": outcome.memory_peak_bytes,
        "limits": outcome.limits.as_dict(),
        "effects": asdict(test.effects),
        "event": event,
    }


def _http_shape(test: ScriptTest, request_id: str) -> dict[str, Any]:
    """The answer that a caller would get."""
    try:
        response: Response = answer(test.run)
    except PicloudError as error:
        error.members.pop("execution_id", None)  # there is none
        response = problem_response(error, request_id)
    return {"status": response.status_int, "headers": list(response.headers.items())} | _content(response.body)


def _content(body: bytes) -> dict[str, str]:
    try:
        return {"text": body.decode()}
    except UnicodeDecodeError:
        return {"body_base64": base64.b64encode(body).decode()}
