"""What the application serves, asked of Pyramid itself."""

import re
from dataclasses import dataclass

from pyramid.config import Configurator
from pyramid.security import NO_PERMISSION_REQUIRED

from picloud.domain.access import Capability

RUN_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
"""Those of `ANY` that the document tells of. HEAD and OPTIONS are answered as well."""

DOCUMENTED = ("/api/", "/run/", "/healthz", "/readyz", "/metrics")
"""Where the API is. The dashboard's pages, and what Caddy asks, are for no other program."""

UNDOCUMENTED = frozenset({"unknown", "unknown_trigger_kind", "unknown_in_app", "email_inbound_other"})
"""Addresses below these that nothing serves: their views say 404."""


@dataclass(frozen=True, slots=True)
class Served:
    """A method of a route. `path` has its variables in braces; `capability` None: anybody may ask."""

    path: str
    capability: Capability | None


def served() -> dict[tuple[str, str], Served]:
    """All that is served, by the route's name and the method."""
    config = Configurator(exceptionresponse_view=None)
    config.include("picloud.views.dashboard.routes")
    config.include("picloud.views.routes")
    config.include("picloud.views.strict_query")
    config.add_renderer("json", lambda info: None)
    config.scan("picloud.views", ignore="picloud.views.dashboard")
    config.commit()
    paths = {item["introspectable"]["name"]: item["introspectable"]["pattern"] for item in _category(config, "routes")}
    found: dict[tuple[str, str], Served] = {}
    for item in _category(config, "views"):
        view = item["introspectable"]
        [permission] = [related["value"] for related in item["related"] if related.category_name == "permissions"]
        capability = None if permission == NO_PERMISSION_REQUIRED else Capability(permission)
        for method in _methods(view["request_methods"]):
            found[view["route_name"], method] = Served(_templated(paths[view["route_name"]]), capability)
    return {
        (name, method): what
        for (name, method), what in found.items()
        if what.path.startswith(DOCUMENTED) and name not in UNDOCUMENTED
    }


def _category(config: Configurator, name: str) -> list[dict]:  # type: ignore[type-arg]
    return list(config.introspector.get_category(name))


def _methods(declared: str | tuple[str, ...] | None) -> tuple[str, ...]:
    methods = RUN_METHODS if declared is None else (declared,) if isinstance(declared, str) else declared
    return tuple(method for method in methods if method != "HEAD")


def _templated(pattern: str) -> str:
    """Pyramid's pattern as a path template: no expressions, and a variable for the rest of the path."""
    without_expressions = re.sub(r"\{(\w+):[^}]*\}", r"{\1}", pattern)
    return re.sub(r"/?\*(\w+)$", r"/{\1}", without_expressions)
