"""Query parameters that a view does not know are refused: a misspelt filter must not list everything."""

from collections.abc import Callable
from typing import Any

from pyramid.config import Configurator
from pyramid.request import Request
from pyramid.response import Response

from picloud.domain.errors import FieldError, Invalid

View = Callable[[Any, Request], Response]


def query_read(request: Request) -> set[str]:
    """The names of the query parameters that the view has asked for."""
    return set()


def strict_query_view(view: View, info: Any) -> View:
    """Views of the API alone: what scripts and mail providers are called with is theirs.

    What a view knows is what it reads, so reading views are checked afterwards; no other view reads any.
    """
    if not info.options.get("strict_query"):
        return view

    def checked(context: Any, request: Request) -> Response:
        if request.method != "GET":
            refuse_unknown(request)
        response = view(context, request)
        refuse_unknown(request)
        return response

    return checked


def refuse_unknown(request: Request) -> None:
    """Raises Invalid with a pointer to each query parameter that nobody has read."""
    unknown = sorted(set(request.GET) - request.query_read)
    if unknown:
        known = f"; there is: {', '.join(sorted(request.query_read))}" if request.query_read else ", which has none"
        errors = tuple(FieldError(f"/{name}", f"is no query parameter of this address{known}") for name in unknown)
        raise Invalid("The query has parameters that are not known here.", errors=errors)


strict_query_view.options = ("strict_query",)  # type: ignore[attr-defined]


def includeme(config: Configurator) -> None:
    config.add_request_method(query_read, reify=True)
    config.add_view_deriver(strict_query_view, "strict_query")
