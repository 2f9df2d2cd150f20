"""What every request carries: an id, a database session, and one line in the log."""

import logging
import re
import time
from collections.abc import Callable

import zope.sqlalchemy
from pyramid.config import Configurator
from pyramid.registry import Registry
from pyramid.request import Request
from pyramid.response import Response
from sqlalchemy.orm import Session

from picloud.domain.ids import uuid7
from picloud.logs import log_request_id
from picloud.services.meters import HTTP_DURATIONS, HTTP_REQUESTS
from picloud.views.api import runtime

log = logging.getLogger("picloud.request")

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


def request_id(request: Request) -> str:
    """Names the request in its answer, in problems and in the log: as the client or its proxy says, or a new one."""
    given: str = request.headers.get("X-Request-Id", "")
    return given if _REQUEST_ID.fullmatch(given) else str(uuid7())


def database_session(request: Request) -> Session:
    """The request's session. pyramid_tm commits it, or rolls back for an error and any 4xx or 5xx."""
    session = runtime(request).sessions()
    request.add_finished_callback(lambda _: session.close())
    # "changed": else zope.sqlalchemy rolls back what was done by Core statements, without a word.
    zope.sqlalchemy.register(session, initial_state="changed", transaction_manager=request.tm)
    return session


def log_tween_factory(handler: Callable[[Request], Response], registry: Registry) -> Callable[[Request], Response]:
    """Logs one line per request, with the exception where it failed for a reason of ours."""

    def log_tween(request: Request) -> Response:
        started = time.monotonic()
        with log_request_id(request.id):
            response = handler(request)
        response.headers["X-Request-Id"] = request.id
        wall_s = time.monotonic() - started
        _measure(request, response, wall_s)
        fields = {
            "request_id": request.id,
            "method": request.method,
            "path": request.environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace"),
            "status": response.status_int,
            "wall_ms": round(wall_s * 1000, 1),
            "client": request.client_addr,
        }
        failure = getattr(request, "failure", None)
        level = logging.ERROR if failure else logging.INFO
        log.log(level, "request", extra={"fields": fields}, exc_info=failure)
        return response

    return log_tween


def _measure(request: Request, response: Response, wall_s: float) -> None:
    """Methods are whatever clients send, so only the known ones are told apart."""
    route = getattr(request, "matched_route", None)
    name = route.name if route is not None else "none"
    HTTP_REQUESTS.add(name, request.method if request.method in _METHODS else "other", str(response.status_int))
    HTTP_DURATIONS.add(name, wall_s)


def includeme(config: Configurator) -> None:
    config.add_request_method(request_id, "id", reify=True)
    config.add_request_method(database_session, "db", reify=True)
