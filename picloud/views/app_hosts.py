"""Requests to an app's own domain: they reach its routes, and nothing else of PiCloud."""

from collections.abc import Callable
from urllib.parse import quote, urlsplit

from pyramid.registry import Registry
from pyramid.request import Request
from pyramid.response import Response

from picloud.domain.errors import NotFound
from picloud.services.runtime import Runtime
from picloud.views.api import public, query_text, runtime

ON_APP_DOMAIN = "picloud.on_app_domain"
"""Key of the WSGI environment: the path of a request that came by an app's own domain, still percent-encoded."""


def tween_factory(handler: Callable[[Request], Response], registry: Registry) -> Callable[[Request], Response]:
    """Turns `https://{app domain}/{path}` into the address `/run/{app}/{path}`, before anything else looks at it."""
    made_of: Runtime = registry["picloud.runtime"]

    def app_hosts_tween(request: Request) -> Response:
        slug = made_of.app_hosts.slug_of(request.host)
        if slug is not None:
            raw_path = urlsplit(request.environ.get("REQUEST_URI") or request.path).path
            request.environ[ON_APP_DOMAIN] = raw_path
            request.environ["PATH_INFO"] = f"/run/{quote(slug)}" + request.environ["PATH_INFO"]
        return handler(request)

    return app_hosts_tween


@public("tls_ask", "GET")
def tls_ask(request: Request) -> Response:
    """The proxy in front asks before it gets a certificate for a name: 200 for an app's domain, else 404."""
    if runtime(request).app_hosts.slug_of(query_text(request, "domain") or "") is None:
        raise NotFound("No app has this domain.")
    return Response(status=200)
