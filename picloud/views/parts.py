"""A process that is a part of PiCloud serves its own addresses alone."""

from collections.abc import Callable

from pyramid.registry import Registry
from pyramid.request import Request
from pyramid.response import Response

from picloud.domain.errors import NotFound
from picloud.services.runtime import Runtime

Handler = Callable[[Request], Response]


def tween_factory(handler: Handler, registry: Registry) -> Handler:
    """After the address has been rewritten for an app's own domain."""
    made_of: Runtime = registry["picloud.runtime"]

    def parts_tween(request: Request) -> Response:
        if not made_of.part.serves(request.environ["PATH_INFO"]):
            raise NotFound(f"The {made_of.part.name} of PiCloud does not serve this address.")
        return handler(request)

    return parts_tween
