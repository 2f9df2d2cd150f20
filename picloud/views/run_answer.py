"""From the outcome of a run to the answer of an HTTP call."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import msgspec
from pyramid.response import Response

from picloud.domain.errors import HandlerFailed, HandlerTimeout, PicloudError
from picloud.sandbox_pool.outcome import Control, Outcome, Status
from picloud.services.code.app_code import AppCode
from picloud.services.code.runner import RunResult
from picloud.views.routes import APP

SANDBOX = "sandbox allow-downloads allow-forms allow-modals allow-popups allow-scripts"
"""Content-Security-Policy of what handlers answer: on this origin a page of theirs is no page of ours."""

OWN_COOKIE_PREFIXES = ("picloud", "__host-picloud", "__secure-picloud")
"""Of our cookies' names, in lower case."""


class HandlerResponse(Response):  # type: ignore[misc]
    """WebOb makes a relative `Location` absolute; the handler's stays as it is (RFC 9110, 10.2.2)."""

    def _abs_headerlist(self, environ: Mapping[str, Any]) -> list[tuple[str, str]]:
        return list(self.headerlist)


class HandlerAborted(PicloudError):
    """The handler chose the status by `ctx.abort`."""

    code, title = "handler_aborted", "The handler refused the request"

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status  # type: ignore[misc]


def answer(result: RunResult) -> Response:
    """The handler's answer. Raises HandlerAborted, HandlerTimeout, HandlerFailed."""
    outcome = result.outcome
    if outcome.status is Status.ok and outcome.response is not None:
        return _response(outcome)
    error = _error(outcome)
    error.members["execution_id"] = str(result.id)
    raise error


def queued_answer(code: AppCode, delivery_id: UUID) -> Response:
    """The call is on the outbox."""
    body = {"delivery_id": delivery_id, "status": "queued"}
    response = Response(msgspec.json.encode(body), status=202, content_type="application/json")
    response.headers["Preference-Applied"] = "respond-async"
    response.headers["Location"] = f"{APP}/deliveries/{delivery_id}".replace("{app}", code.slug)
    return response


def _response(outcome: Outcome) -> Response:
    made = outcome.response
    assert made is not None
    response = HandlerResponse(body=made.body, status=made.status)
    response.headers.pop("Content-Type", None)
    if made.content_type:
        response.headers["Content-Type"] = made.content_type
    for name, value in made.headers:
        # A cookie without a name, `=picloud_session=…`, comes back as one that has it.
        if name.lower() != "set-cookie" or not value.lower().lstrip(" \t=").startswith(OWN_COOKIE_PREFIXES):
            response.headers.add(name, value)
    response.headers.add("Content-Security-Policy", SANDBOX)
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def _error(outcome: Outcome) -> PicloudError:
    control: Control | None = outcome.control
    if control is not None and control.kind == "abort" and control.status is not None:
        return HandlerAborted(control.status, control.reason)
    if outcome.status in (Status.cpu, Status.wall):
        limit = "CPU time" if outcome.status is Status.cpu else "time"
        return HandlerTimeout(f"The handler used up its {limit}.")
    return HandlerFailed(f"The handler ended with the status {outcome.status.value}.")
