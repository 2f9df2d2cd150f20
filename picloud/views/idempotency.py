"""Heeds the header Idempotency-Key of a POST to the admin API."""

import re
from collections.abc import Callable
from typing import Any

from pyramid.config import Configurator
from pyramid.request import Request
from pyramid.response import Response

from picloud.domain.errors import BadRequest
from picloud.security.contexts import signed_in
from picloud.services.requests.idempotency import Answer, Asked, IdempotencyService
from picloud.views.api import runtime

View = Callable[[Any, Request], Response]

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_KEPT_HEADERS = frozenset({"content-type", "etag", "location"})


def idempotent_view(view: View, info: Any) -> View:
    """Inside of the permission's check: a kept answer is for who may ask for it."""
    if not info.options.get("strict_query"):
        return view

    def idempotent(context: Any, request: Request) -> Response:
        key = request.headers.get(HEADER)
        if request.method != "POST" or key is None:
            return view(context, request)
        if not _KEY.fullmatch(key):
            raise BadRequest(f"{HEADER} has to be 1 to 255 visible ASCII characters.")
        asked = Asked(signed_in(request).user_id, request.path, key, request.body)
        return _once(asked, IdempotencyService(request.db, runtime(request).master_key), lambda: view(context, request))

    return idempotent


def _once(asked: Asked, answers: IdempotencyService, do: Callable[[], Response]) -> Response:
    kept = answers.begin(asked)
    if kept is not None:
        response = Response(kept.body, status=kept.status)
        response.headers.update([*kept.headers, (REPLAYED, "true")])
        return response
    response = do()
    if response.status_int < 300:
        headers = [(name, value) for name, value in response.headerlist if name.lower() in _KEPT_HEADERS]
        answers.keep(asked, Answer(response.status_int, headers, response.body))
    return response


def includeme(config: Configurator) -> None:
    config.add_view_deriver(idempotent_view, "idempotent")
