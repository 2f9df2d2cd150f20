from typing import Any

from pyramid.request import Request
from pyramid.response import Response

from picloud.domain.access import Capability
from picloud.domain.errors import PicloudError
from picloud.domain.kinds import TriggerKind
from picloud.views import email_triggers, triggers
from picloud.views.dashboard.email_trigger import door
from picloud.views.dashboard.limits import number
from picloud.views.dashboard.page import draw, page, see
from picloud.views.dashboard.trigger_form import body_of, choices, form_of, secret_of
from picloud.views.dashboard.twin import given, outcome, tried

ApiBody = dict[str, Any]


@page("page_triggers", "GET", Capability.APP_READ_TRIGGERS)
def index(request: Request) -> Response:
    return draw(request, "triggers", found=triggers.index(request), kinds=list(TriggerKind))


@page("page_new_trigger", "GET", Capability.APP_MANAGE_TRIGGERS)
def ask(request: Request) -> Response:
    return _draw_new(request, {"script": request.GET.get("script", "")})


@page("page_new_trigger", "POST", Capability.APP_MANAGE_TRIGGERS)
def create(request: Request) -> Response:
    kind = request.matchdict["kind"]
    form = form_of(request, kind)
    secret = {"inbound_secret": secret_of(form)} if kind == TriggerKind.EMAIL else {}
    made, error = outcome(request, triggers.create, lambda: {"script": ""} | body_of(form, kind) | secret)
    if error is not None:
        return _draw_new(request, form, error)
    request.matchdict["id"] = str(made["id"])
    return _done(request, made)


@page("page_trigger", "GET", Capability.APP_READ_TRIGGERS)
def show(request: Request) -> Response:
    return _draw(request)


@page("page_trigger", "POST", Capability.APP_MANAGE_TRIGGERS)
def change(request: Request) -> Response:
    kind = triggers.read(request)["kind"]
    form = form_of(request, kind)
    error = tried(request, triggers.update, lambda: body_of(form, kind))
    return _draw(request, error, form=form) if error else _see(request)


@page("page_switch_trigger", "POST", Capability.APP_MANAGE_TRIGGERS)
def switch(request: Request) -> Response:
    error = tried(request, triggers.update, {"enabled": "on" in given(request, "on")})
    return _draw(request, error) if error else see(request, "page_triggers", app=request.context.app.slug)


@page("page_test_trigger", "POST", Capability.APP_MANAGE_TRIGGERS)
def test(request: Request) -> Response:
    """A mail as it was written, or a sample of the kind; then its delivery's page."""
    mail = given(request, "from", "to", "subject", "text")
    kind = triggers.read(request)["kind"]
    if kind == TriggerKind.EMAIL and "to" in mail:
        part: ApiBody = {"email": mail | {"to": [mail["to"]]}}
    else:
        part = {}
    sent, error = outcome(request, triggers.test, {"event": part})
    if error is not None:
        return _draw(request, error, mail=mail)
    return see(request, "page_delivery", app=request.context.app.slug, id=sent["delivery_id"])


@page("page_rotate_secret", "POST", Capability.APP_MANAGE_TRIGGERS)
def rotate(request: Request) -> Response:
    form = form_of(request, TriggerKind.EMAIL)
    made, error = outcome(request, email_triggers.rotate, lambda: _rotation(form))
    return _draw(request, error) if error else _done(request, made)


@page("page_delete_trigger", "POST", Capability.APP_MANAGE_TRIGGERS)
def delete(request: Request) -> Response:
    error = tried(request, triggers.delete)
    return _draw(request, error) if error else see(request, "page_triggers", app=request.context.app.slug)


def _rotation(form: dict[str, Any]) -> ApiBody:
    return {"inbound_secret": secret_of(form), "overlap_s": number(form.get("overlap_s", "86400"), "/overlap_s")}


def _done(request: Request, made: ApiBody) -> Response:
    """A secret is shown here and never again, so this page is no redirect."""
    secret = made.get("inbound_secret")
    return _draw(request, secret=secret) if secret else _see(request)


def _see(request: Request) -> Response:
    return see(request, "page_trigger", app=request.context.app.slug, id=request.matchdict["id"])


def _draw_new(request: Request, form: dict[str, Any], error: PicloudError | None = None) -> Response:
    kind = request.matchdict["kind"]
    values = {"kind": kind, "form": form, "error": error, "offered": choices(request, kind)}
    return draw(request, "new_trigger", error.status if error else 200, **values)


def _draw(
    request: Request,
    error: PicloudError | None = None,
    *,
    secret: str | None = None,
    form: dict[str, Any] | None = None,
    mail: dict[str, str] | None = None,
) -> Response:
    trigger = triggers.read(request)
    values = {
        "it": trigger,
        "error": error,
        "secret": secret,
        "form": form or trigger,
        "mail": mail or {},
        "offered": choices(request, trigger["kind"]),
        "door": door(request, trigger) if trigger["kind"] == TriggerKind.EMAIL else None,
    }
    return draw(request, "trigger", error.status if error else 200, **values)
