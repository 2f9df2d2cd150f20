"""The OpenAPI 3.1 document: the routes that are served, in the words of the resources."""

from collections.abc import Iterator
from typing import Any

from picloud import __version__
from picloud.openapi import paths, problem, schemas
from picloud.openapi.operation import Operation, Resource
from picloud.openapi.resources.api_keys import API_KEYS
from picloud.openapi.resources.app_routes import ROUTES
from picloud.openapi.resources.apps import APPS
from picloud.openapi.resources.audit_events import AUDIT_EVENTS
from picloud.openapi.resources.dead_letters import DEAD_LETTERS
from picloud.openapi.resources.deliveries import DELIVERIES
from picloud.openapi.resources.doctor import DOCTOR
from picloud.openapi.resources.domains import DOMAINS
from picloud.openapi.resources.executions import EXECUTIONS
from picloud.openapi.resources.health import HEALTH
from picloud.openapi.resources.inbound import INBOUND, RUN
from picloud.openapi.resources.kv import KV
from picloud.openapi.resources.me import ME
from picloud.openapi.resources.members import MEMBERS
from picloud.openapi.resources.notifications import INSTANCE
from picloud.openapi.resources.overview import OVERVIEW
from picloud.openapi.resources.scripts import SCRIPTS
from picloud.openapi.resources.secrets import SECRETS
from picloud.openapi.resources.sessions import SESSIONS, SETUP
from picloud.openapi.resources.triggers import TRIGGERS
from picloud.openapi.resources.users import USERS
from picloud.openapi.served import Served, served
from picloud.security.browser import COOKIE

RESOURCES: tuple[Resource, ...] = (
    ME,
    SESSIONS,
    SETUP,
    USERS,
    API_KEYS,
    APPS,
    MEMBERS,
    SCRIPTS,
    ROUTES,
    DOMAINS,
    TRIGGERS,
    KV,
    SECRETS,
    EXECUTIONS,
    OVERVIEW,
    INSTANCE,
    DELIVERIES,
    DEAD_LETTERS,
    AUDIT_EVENTS,
    INBOUND,
    RUN,
    DOCTOR,
    HEALTH,
)

_DESCRIPTION = """Self-hosted, event-driven Python handlers for a small box.

Send an API key: `Authorization: Bearer pic_…`. Every error is a problem (RFC 9457) with a stable `code`.
Lists come in pages: `?limit=50&after=<cursor>` gives `items` and `next`. `{app}` is the app's id or its slug."""

_HEADERS = {
    "X-Request-Id": {"description": "Names the request in the log.", "schema": {"type": "string"}},
    "ETag": {"description": "For `If-Match` of a change.", "schema": {"type": "string"}},
    "Retry-After": {"description": "Seconds until it is worth another try.", "schema": {"type": "integer"}},
}


def build() -> dict[str, Any]:
    """The document. Raises ValueError where routes and resources differ: what is served but not described, and the
    other way round."""
    routes = served()
    described = {(operation.route, operation.method) for _, operation in _operations()}
    if described != routes.keys():
        missing, surplus = sorted(routes.keys() - described), sorted(described - routes.keys())
        raise ValueError(f"Served, but not described: {missing}. Described, but not served: {surplus}.")
    return {
        "openapi": "3.1.0",
        "info": {"title": "PiCloud", "version": __version__, "description": _DESCRIPTION, "license": _LICENSE},
        "servers": [{"url": "/"}],
        "tags": [{"name": resource.tag, "description": resource.description} for resource in RESOURCES],
        "security": [{"key": []}, {"session": []}],
        "paths": _paths(routes),
        "components": {
            "schemas": schemas.components(operation for _, operation in _operations()),
            "responses": problem.responses(),
            "headers": _HEADERS,
            "securitySchemes": _SECURITY,
        },
    }


_SECURITY = {
    "key": {"type": "http", "scheme": "bearer", "bearerFormat": "pic_…", "description": "An API key."},
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": COOKIE,
        "description": "A browser's session; over https the name begins with `__Host-`. Changes need `X-CSRF-Token`.",
    },
}
_LICENSE = {"name": "Apache-2.0", "identifier": "Apache-2.0"}


def _operations() -> Iterator[tuple[Resource, Operation]]:
    return ((resource, operation) for resource in RESOURCES for operation in resource.operations)


def _paths(routes: dict[tuple[str, str], Served]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for resource, operation in _operations():
        what = routes[operation.route, operation.method]
        path = paths.path(operation, what)
        item = found.setdefault(path, paths.path_item(path))
        item[operation.method.lower()] = paths.operation_object(resource.tag, operation, what)
    return found
