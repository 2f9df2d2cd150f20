"""How pages are declared and drawn."""

import secrets
from collections.abc import Callable
from functools import partial
from importlib import resources
from typing import Any
from urllib.parse import urlsplit

from jinja2 import DictLoader, Environment, StrictUndefined
from pyramid.request import Request
from pyramid.response import Response
from pyramid.security import NO_PERMISSION_REQUIRED
from pyramid.view import view_config
from transaction.interfaces import NoTransaction

from picloud import __version__
from picloud.crypto import csrf_token
from picloud.domain.access import Capability
from picloud.domain.errors import PicloudError
from picloud.security.browser import session_token
from picloud.security.contexts import AppContext
from picloud.services.principals import Principal
from picloud.views.api import runtime
from picloud.views.dashboard import formats
from picloud.views.dashboard.assets import asset_url
from picloud.views.dashboard.confinement import gaps

View = Callable[..., Any]
APP_TABS: list[tuple[str, str, Capability]] = [
    ("page_scripts", "Scripts", Capability.SCRIPT_READ),
    ("page_routes", "Routes", Capability.ROUTE_READ),
    ("page_triggers", "Triggers", Capability.APP_READ_TRIGGERS),
    ("page_executions", "Executions", Capability.LOG_READ),
    ("page_deliveries", "Deliveries", Capability.LOG_READ),
    ("page_dead_letters", "Dead letters", Capability.LOG_READ),
    ("page_kv", "Key-value", Capability.KV_READ),
    ("page_secrets", "Secrets", Capability.APP_MANAGE_SECRETS),
    ("page_domains", "Domains", Capability.DOMAIN_MANAGE),
    ("page_members", "Members", Capability.APP_READ_MEMBERS),
    ("page_settings", "Settings", Capability.APP_UPDATE),
]
"""The tabs of an app, in their order: page, text, and who sees it."""
INSTANCE_TABS: list[tuple[str, str, Capability]] = [
    ("page_users", "Users", Capability.INSTANCE_MANAGE_USERS),
    ("page_keys", "API keys", Capability.SELF_MANAGE_KEYS),
    ("page_instance", "Settings", Capability.INSTANCE_MANAGE_SETTINGS),
    ("page_audit", "Audit", Capability.SELF_READ_AUDIT),
    ("page_doctor", "Doctor", Capability.INSTANCE_READ_METRICS),
    ("page_account", "Account", Capability.SELF_MANAGE_SIGN_IN),
]
"""The same for the instance."""
THEME_COOKIE = "picloud_theme"
THEMES = ("system", "light", "dark")

POLICY = (
    "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Only what bears the page's own nonce runs: a handler's answer on this host is no script of ours."""

_sources = {file.name: file.read_text("utf-8") for file in (resources.files("picloud") / "templates").iterdir()}
"""Read at the start: an upgrade takes the files away, and brings others, while we serve."""
_templates = Environment(
    loader=DictLoader(_sources), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)
_templates.globals.update(
    asset_url=asset_url, version=__version__, themes=THEMES, app_tabs=APP_TABS, instance_tabs=INSTANCE_TABS
)
_templates.filters.update(formats.FILTERS)


def page(route: str, method: str, capability: Capability) -> Callable[[View], View]:
    """A page for who is signed in and has `capability`."""
    decorator: Callable[[View], View] = view_config(route_name=route, request_method=method, permission=capability)
    return decorator


def public_page(route: str, method: str) -> Callable[[View], View]:
    decorator: Callable[[View], View] = view_config(
        route_name=route, request_method=method, permission=NO_PERMISSION_REQUIRED
    )
    return decorator


def draw(request: Request, template: str, status: int = 200, **values: Any) -> Response:
    """The template `template`.jinja2 with `values` and what every page has."""
    nonce = secrets.token_urlsafe(16)
    body = _templates.get_template(f"{template}.jinja2").render(**common(request), nonce=nonce, **values)
    response = Response(body, status=status, content_type="text/html", charset="utf-8")
    response.headers["Content-Security-Policy"] = POLICY.format(nonce=nonce)
    # Without a referrer browsers send `Origin: null` with a form, which is nobody's page.
    response.headers["Referrer-Policy"] = "same-origin"
    return response


def common(request: Request) -> dict[str, Any]:
    """`may(capability)` says whether the reader may do something, so that a page offers nothing that would be refused."""
    principal, token = _reader(request), session_token(request)
    context = getattr(request, "context", None)
    may = partial(_may, request, principal, context)
    # The page of a refusal must not name the app to who has no role in it.
    app = context.app if isinstance(context, AppContext) and may(Capability.APP_READ) else None
    theme = request.cookies.get(THEME_COOKIE)
    return {
        "request": request,
        "me": principal,
        "csrf": csrf_token(token) if token and principal else "",
        "app": app,
        "may": may,
        "gaps": gaps(runtime(request)) if principal else [],
        "shortage": runtime(request).disk.shortage() if principal else "",
        "url": request.route_path,
        "theme": theme if theme in THEMES else THEMES[0],
    }


def _may(request: Request, principal: Principal | None, context: object, capability: str) -> bool:
    """Without a context, as on the page of an error, only what the instance role alone grants."""
    if principal is None:
        return False
    wanted = Capability(capability)
    return principal.may(wanted) if context is None else bool(request.has_permission(wanted, context))


def _reader(request: Request) -> Principal | None:
    """Who looks, as far as the page of an error needs it: what was wrong with the credentials is that error."""
    try:
        principal: Principal | None = request.identity
    except (PicloudError, NoTransaction):
        return None
    return principal


def own_path(given: str) -> str:
    """A path of ours: anything else would send who signs in to somebody else's page."""
    parts = urlsplit(given)
    own = (
        given.startswith("/") and not given.startswith(("//", "/\\")) and not parts.netloc and parts.path.isprintable()
    )
    return given if own else "/"


def see(request: Request, route: str, **parts: Any) -> Response:
    """After a form was taken: go and look (303)."""
    return Response(status=303, location=request.route_path(route, **parts))
