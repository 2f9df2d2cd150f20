"""The one place where errors become answers: RFC 9457 problems."""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from pyramid.exceptions import URLDecodeError
from pyramid.httpexceptions import HTTPException, HTTPForbidden
from pyramid.registry import Registry
from pyramid.request import Request
from pyramid.response import Response
from sqlalchemy.exc import IntegrityError, InvalidRequestError
from sqlalchemy.orm.exc import ObjectDeletedError, StaleDataError
from transaction.interfaces import NoTransaction

from picloud.domain import errors
from picloud.domain.errors import PicloudError
from picloud.sandbox_pool.executor import ExecutorGone
from picloud.services.trouble import collided, passes

INBOUND = "/api/v1/email-inbound/"
MEDIA_TYPE = "application/problem+json"
Handler = Callable[[Request], Response]

_BAD_INPUT = (errors.BadRequest, errors.NotAcceptable, errors.Invalid)
"""Always told with `errors`, be it about the whole of what was sent."""

_BY_STATUS: dict[int, type[PicloudError]] = {
    kind.status: kind
    for kind in (
        errors.BadRequest,
        errors.Forbidden,
        errors.NotFound,
        errors.TooLarge,
        errors.UnsupportedMediaType,
    )
}


def problem(error: PicloudError, request_id: str) -> dict[str, Any]:
    """The members of the problem."""
    body = {
        "type": f"urn:picloud:problem:{error.problem_code}",
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "instance": request_id,
        "code": error.problem_code,
    }
    about = error.errors or ((errors.FieldError("", error.detail),) if isinstance(error, _BAD_INPUT) else ())
    if about:
        body["errors"] = [_field(item) for item in about]
    return body | error.members


def problem_response(error: PicloudError, request_id: str) -> Response:
    """The whole answer."""
    body = msgspec.json.encode(problem(error, request_id))
    response = Response(body, status=error.status, content_type=MEDIA_TYPE)
    if error.retry_after_s is not None:
        response.headers["Retry-After"] = str(error.retry_after_s)
    if isinstance(error, errors.MethodNotAllowed):
        response.headers["Allow"] = ", ".join(error.allowed)
    if isinstance(error, errors.Unauthenticated):
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def tween_factory(handler: Handler, registry: Registry) -> Handler:
    """Outermost but for the log: even a commit that fails passes here."""

    def problems_tween(request: Request) -> Response:
        try:
            return handler(request)
        except Exception as exception:
            error = as_error(exception, request)
            if error.status == 500 and not isinstance(exception, PicloudError):
                request.failure = exception
            return problem_response(error, request.id)

    return problems_tween


def as_error(exception: Exception, request: Request) -> PicloudError:
    """The error of our hierarchy that `exception` means to a client."""
    if isinstance(exception, PicloudError):
        return exception
    if isinstance(exception, HTTPForbidden):
        return errors.Forbidden("Your role, or your key's scopes, don't allow this.")
    if isinstance(exception, HTTPException):
        missing = exception.status_int == 404
        if missing and getattr(request, "matched_route", None) and _allowed(request):
            return errors.MethodNotAllowed(_allowed(request))
        return _BY_STATUS.get(exception.status_int, errors.BadRequest)()
    if isinstance(exception, URLDecodeError | UnicodeDecodeError):
        return errors.BadRequest("The address is not UTF-8.")
    if _changed_meanwhile(exception):
        if request.method == "POST" and request.path.startswith(INBOUND):
            return errors.Unavailable("The trigger is being changed.", retry_after_s=1, code="changed_meanwhile")
        return errors.Conflict("It, or what it belongs to, was changed or removed meanwhile.", code="changed_meanwhile")
    if isinstance(exception, ExecutorGone):
        return errors.Unavailable("The sandbox can't start a worker.", code="no_worker")
    if collided(exception):
        return errors.Unavailable("Others changed the same at the same time.", retry_after_s=1, code="collided")
    if passes(exception) or _could_not_roll_back(exception):
        return errors.Unavailable("The database is away.", code="database_away")
    return PicloudError("The request failed for a reason that the log tells under this request's id.")


def _changed_meanwhile(exception: Exception) -> bool:
    """Whether another request removed or made, at the same time, what this one worked on."""
    vanished = isinstance(exception, InvalidRequestError) and "Could not refresh instance" in str(exception)
    return vanished or isinstance(exception, IntegrityError | ObjectDeletedError | StaleDataError)


def _could_not_roll_back(exception: BaseException) -> bool:
    """Whether the connection was lost before the rollback of what failed: pyramid_tm raises an error of its own then."""
    return isinstance(exception, NoTransaction) and any(passes(error) for error in _contexts(exception))


def _contexts(exception: BaseException) -> Iterator[BaseException]:
    while exception.__context__ is not None:
        exception = exception.__context__
        yield exception


def _field(item: errors.FieldError) -> dict[str, Any]:
    body: dict[str, Any] = {"pointer": item.pointer, "detail": item.detail}
    if item.line is not None:
        body |= {"line": item.line, "column": item.column}
    return body


def _allowed(request: Request) -> set[str]:
    """Methods that the matched route offers."""
    methods: dict[str, set[str]] = request.registry["picloud.methods"]
    return methods.get(request.matched_route.name, set())
