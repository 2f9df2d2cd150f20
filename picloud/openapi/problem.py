"""Errors, as the document shows them."""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from picloud.openapi.operation import Operation
from picloud.openapi.served import Served

TITLES: Mapping[int, tuple[str, str]] = {
    400: ("BadRequest", "Not JSON, or not readable."),
    401: ("Unauthenticated", "Not signed in, or a bad signature."),
    403: ("Forbidden", "Signed in, but not allowed."),
    404: ("NotFound", "There is nothing here."),
    405: ("MethodNotAllowed", "Not by this method."),
    406: ("NotAcceptable", "Can't be read and never will; Mailgun takes no other status for that."),
    409: ("Conflict", "In the way of something that exists."),
    412: ("PreconditionFailed", "Changed by somebody else since it was read."),
    413: ("TooLarge", "The body is too large."),
    415: ("UnsupportedMediaType", "Not JSON by its media type, or with a content encoding."),
    422: ("Invalid", "Well-formed but wrong; `errors` says where."),
    429: ("TooManyRequests", "Too many requests; try again later."),
    502: ("HandlerFailed", "The handler failed."),
    503: ("Unavailable", "Our own trouble, or busy; try again later."),
    504: ("HandlerTimeout", "The handler took too long."),
}


class FieldProblem(msgspec.Struct):
    """What is wrong with one field. `pointer` is a JSON pointer (RFC 6901); `line` and `column` where it is source."""

    pointer: str
    detail: str
    line: int | UnsetType | None = UNSET
    column: int | UnsetType | None = UNSET


class Problem(msgspec.Struct):
    """RFC 9457. `code` is stable and explained in docs/reference/problems.md; `instance` is the request's id."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    errors: list[FieldProblem] | UnsetType = UNSET


def statuses(operation: Operation, served: Served) -> list[int]:
    """The statuses of the errors that an operation may give."""
    found = set(operation.problems)
    if served.capability is not None:
        found |= {400, 401, 403, 404, 422, 429, 503}
        if operation.method != "GET":
            found |= {409}
        if operation.body:
            found |= {413, 415}
        if operation.guarded and operation.method != "GET":
            found |= {412}
    return sorted(found)


def responses() -> dict[str, Any]:
    """The error responses that operations refer to."""
    return {name: _response(status, text) for status, (name, text) in TITLES.items()}


def _response(status: int, text: str) -> dict[str, Any]:
    headers = {"X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"}}
    if status in (429, 503):
        headers["Retry-After"] = {"$ref": "#/components/headers/Retry-After"}
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": text, "headers": headers, "content": {"application/problem+json": {"schema": schema}}}
