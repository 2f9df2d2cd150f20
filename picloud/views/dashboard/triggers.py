from typing import Any

from pyramid.request import Request
from pyramid.response import Response
from sqlalchemy import Row, select

from picloud.domain import ids
from picloud.domain.access import Capability
from picloud.domain.errors import PicloudError, PreconditionFailed
from picloud.domain.kinds import TriggerKind
from picloud.models import Script, Trigger
from picloud.views import email_triggers, triggers
from picloud.views.api import path_id
from picloud.views.dashboard.email_trigger import door, guide
from picloud.views.dashboard.guard import differences, unless_changed
from picloud.views.dashboard.limits import number
from picloud.views.dashboard.page import draw, page, see
from picloud.views.dashboard.trigger_form import body_of, choices, form_of, preview, secret_of
from picloud.views.dashboard.trigger_sample import composed, followed
from picloud.views.dashboard.twin import act, given, outcome, tried
from picloud.views.entity_tags import entity_tag

ApiBody = dict[str, Any]


@page("page_triggers", "GET", Capability.APP_READ_TRIGGERS)
def index(request: Request) -> Response:
    found = triggers.index(request)
    switched = ids.parse(request.GET.get("switched", ""))
    notice = next((each for each in found["items"] if each["id"] == switched), None)
    return draw(
        request, "triggers", found=found, kinds=list(TriggerKind), switched=notice, deleted=_just_deleted(request)
    )


@page("page_new_trigger", "GET", Capability.APP_MANAGE_TRIGGERS)
def ask(request: Request) -> Response:
    return _draw_new(request, {"script": request.GET.get("script", ""), "provider": request.GET.get("provider", "")})


@page("page_new_trigger", "POST", Capability.APP_MANAGE_TRIGGERS)
def create(request: Request) -> Response:
    kind = request.matchdict["kind"]
    form = form_of(request, kind)
    if "check" in request.POST:
        return _draw_new(request, form)
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
    if "check" in request.POST:
        return _draw(request, form=form)
    row = select(Trigger.id).where(Trigger.app_id == request.context.app.id, Trigger.id == path_id(request))
    update = unless_changed(triggers.read, triggers.update, row, given(request, "if_match").get("if_match", ""))
    error = tried(request, update, lambda: body_of(form, kind))
    return _draw(request, error, form=form) if error else _see(request)


@page("page_switch_trigger", "POST", Capability.APP_MANAGE_TRIGGERS)
def switch(request: Request) -> Response:
    """The list says what was switched, and offers to undo it."""
    error = tried(request, triggers.update, {"enabled": "on" in given(request, "on")})
    if error is not None:
        return _draw(request, error)
    return see(request, "page_triggers", app=request.context.app.slug, _query={"switched": request.matchdict["id"]})


@page("page_test_trigger", "POST", Capability.APP_MANAGE_TRIGGERS)
def test(request: Request) -> Response:
    """A mail as it was composed, or a sample of the kind; then the same page, which follows its delivery."""
    mail, body = composed(request, triggers.read(request)["kind"])
    sent, error = outcome(request, triggers.test, body)
    if error is not None:
        return _draw(request, error, mail=mail)
    query = {"delivery": sent["delivery_id"], "signature": sent["signature"]}
    return _see(request, _query=query, _anchor="sent")


@page("page_rotate_secret", "POST", Capability.APP_MANAGE_TRIGGERS)
def rotate(request: Request) -> Response:
    form = form_of(request, TriggerKind.EMAIL)
    made, error = outcome(request, email_triggers.rotate, lambda: _rotation(form))
    return _draw(request, error) if error else _done(request, made)


@page("page_delete_trigger", "POST", Capability.APP_MANAGE_TRIGGERS)
def delete(request: Request) -> Response:
    """The list says what was deleted, and offers to undo it."""
    error = tried(request, triggers.delete)
    if error is not None:
        return _draw(request, error)
    return see(request, "page_triggers", app=request.context.app.slug, _query={"deleted": request.matchdict["id"]})


@page("page_restore_trigger", "POST", Capability.APP_MANAGE_TRIGGERS)
def restore(request: Request) -> Response:
    act(request, triggers.restore)
    return _see(request)


def _just_deleted(request: Request) -> Row[Any] | None:
    """The kind and the script of what the address names, while it can be restored."""
    named = Trigger.id == ids.parse(request.GET.get("deleted", ""))
    gone = select(Trigger.id, Trigger.kind, Script.name.label("script")).join(Script, Script.id == Trigger.script_id)
    own = gone.where(Trigger.app_id == request.context.app.id, Trigger.deleted_at.is_not(None), named)
    found: Row[Any] | None = request.db.execute(own).one_or_none()
    return found


def _rotation(form: dict[str, Any]) -> ApiBody:
    return {"inbound_secret": secret_of(form), "overlap_s": number(form.get("overlap_s", "86400"), "/overlap_s")}


def _done(request: Request, made: ApiBody) -> Response:
    """A secret is shown here and never again, so this page is no redirect."""
    secret = made.get("inbound_secret")
    return _draw(request, secret=secret) if secret else _see(request)


def _see(request: Request, **more: Any) -> Response:
    return see(request, "page_trigger", app=request.context.app.slug, id=request.matchdict["id"], **more)


def _draw_new(request: Request, form: dict[str, Any], error: PicloudError | None = None) -> Response:
    kind = request.matchdict["kind"]
    shown, wrong = preview(request, kind, form)
    values = {"kind": kind, "form": form, "error": error, "offered": choices(request, kind)}
    values |= {"preview": shown, "preview_error": wrong, "guide": None}
    if kind == TriggerKind.EMAIL:
        values["guide"], values["error"] = _guide(request, form.get("provider", ""), error)
    return draw(request, "new_trigger", values["error"].status if values["error"] else 200, **values)


def _guide(request: Request, provider: str, error: PicloudError | None) -> tuple[ApiBody | None, PicloudError | None]:
    found, wrong = guide(request, provider)
    return found, error or wrong


def _draw(
    request: Request,
    error: PicloudError | None = None,
    *,
    secret: str | None = None,
    form: dict[str, Any] | None = None,
    mail: dict[str, str] | None = None,
) -> Response:
    trigger = triggers.read(request)
    kind = trigger["kind"]
    shown, wrong = preview(request, kind, form or trigger)
    values = {"it": trigger, "tag": entity_tag(trigger), "secret": secret, "form": form or trigger, "mail": mail or {}}
    values |= {"changing": form is not None, "preview": shown, "preview_error": wrong, "sent": followed(request)}
    values |= {"offered": choices(request, kind), "door": None, "guide": None, "differences": []}
    if isinstance(error, PreconditionFailed) and form is not None:
        values["differences"] = differences(trigger, body_of(form, kind))
    if kind == TriggerKind.EMAIL:
        values["door"] = door(request, trigger, secret)
        values["guide"], error = _guide(request, trigger["provider"], error)
    return draw(request, "trigger", error.status if error else 200, error=error, **values)
