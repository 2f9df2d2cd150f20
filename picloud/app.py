"""The WSGI application: Pyramid, put together once."""

import inspect
import linecache
import os
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import msgspec
import pyramid_tm
from pyramid.config import Configurator
from pyramid.exceptions import ConfigurationError
from pyramid.renderers import RendererHelper
from pyramid.request import Request
from pyramid.router import Router
from pyramid.tweens import EXCVIEW, INGRESS

from picloud.logs import configure_logging
from picloud.process import Process
from picloud.security.policy import SecurityPolicy
from picloud.services.runtime import Runtime
from picloud.settings import Settings
from picloud.views.dashboard.curl import ADDRESSES, Addresses
from picloud.views.routes import UNMANAGED_PREFIXES

TWEENS = (
    "picloud.views.forwarded.tween_factory",
    "picloud.views.request.log_tween_factory",
    "picloud.views.answer_headers.tween_factory",
    "picloud.views.app_hosts.tween_factory",
    "picloud.views.problems.tween_factory",
    "picloud.views.parts.tween_factory",
    "picloud.views.rate_limits.tween_factory",
    "picloud.views.dashboard.failures.tween_factory",
)
"""What is around every request, outermost first. The transaction is within all of them."""


def main(global_config: Mapping[str, str], **settings: Any) -> Router:
    """Entry point of paste ini files: an application with the whole process behind it, for `pserve`."""
    loaded = Settings.load(settings, os.environ)
    configure_logging(loaded.log_level)
    process = Process.start(loaded)
    return make_app(process.runtime)


def make_app(runtime: Runtime) -> Router:
    """The application on a runtime. Raises ConfigurationError for a view that asks for no permission."""
    config = Configurator(
        settings={
            "tm.commit_veto": pyramid_tm.default_commit_veto,
            "tm.activate_hook": _needs_transaction,
            "tm.manager_hook": pyramid_tm.explicit_manager,
        },
        security_policy=SecurityPolicy(),
        exceptionresponse_view=None,
    )
    config.registry["picloud.runtime"] = runtime
    config.include("pyramid_tm")
    config.include("picloud.views.request")
    config.include("picloud.views.strict_query")
    config.include("picloud.views.entity_tags")
    config.include("picloud.views.idempotency")
    config.include("picloud.views.dashboard.routes")
    config.include("picloud.views.routes")
    config.add_renderer("json", _json_renderer)
    for outer, tween in pairwise((INGRESS, *TWEENS)):
        config.add_tween(tween, under=outer, over=["pyramid_tm.tm_tween_factory", EXCVIEW])
    config.scan("picloud.views")
    config.commit()
    _check_permissions(config)
    config.registry["picloud.methods"] = _methods(config)
    config.registry[ADDRESSES] = _addresses(config)
    app: Router = config.make_wsgi_app()
    _forget_how_it_was_made(config)
    return app


def _needs_transaction(request: Request) -> bool:
    """Asked before routing, so by the raw path."""
    path: str = request.environ["PATH_INFO"]
    return not path.startswith(UNMANAGED_PREFIXES)


def _check_permissions(config: Configurator) -> None:
    introspector = config.introspector
    for item in introspector.get_category("views"):
        view = item["introspectable"]
        if not any(related.category_name == "permissions" for related in introspector.related(view)):
            raise ConfigurationError(f"The view {view['callable']} asks for no permission.")


def _methods(config: Configurator) -> dict[str, set[str]]:
    """Methods by route name, for the Allow header."""
    found: dict[str, set[str]] = {}
    for item in config.introspector.get_category("views"):
        view = item["introspectable"]
        methods = view["request_methods"] or ()
        methods = (methods,) if isinstance(methods, str) else methods
        found.setdefault(view["route_name"], set()).update(methods)
    return found


def _addresses(config: Configurator) -> Addresses:
    found: Addresses = {}
    for item in config.introspector.get_category("views"):
        view = item["introspectable"]
        methods = view["request_methods"] or ()
        for method in (methods,) if isinstance(methods, str) else methods:
            found.setdefault(inspect.unwrap(view["callable"]), (view["route_name"], method))
    return found


def _forget_how_it_was_made(config: Configurator) -> None:
    """What Pyramid knows of each call that configured it, and the lines of source it read for that: 1 MiB."""
    del config.registry.introspector
    linecache.clearcache()


def _json_renderer(info: RendererHelper) -> Any:
    def render(value: Any, system: Mapping[str, Any]) -> bytes:
        request = system["request"]
        request.response.content_type = "application/json"
        return msgspec.json.encode(value)

    return render
