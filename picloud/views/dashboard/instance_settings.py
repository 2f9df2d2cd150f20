"""The settings of the instance: whom it tells of trouble, and what its files and environment say."""

from typing import Any

from pyramid.request import Request
from pyramid.response import Response

from picloud.domain.access import Capability
from picloud.domain.errors import PicloudError
from picloud.domain.notices import Channel, Condition
from picloud.views import instance, notifications
from picloud.views.dashboard.limits import number
from picloud.views.dashboard.page import draw, page, see
from picloud.views.dashboard.twin import act, given, tried


@page("page_instance", "GET", Capability.INSTANCE_MANAGE_SETTINGS)
def show(request: Request) -> Response:
    return _draw(request)


@page("page_instance", "POST", Capability.INSTANCE_MANAGE_SETTINGS)
def change(request: Request) -> Response:
    form: dict[str, Any] = given(request, "channel", "url", "token", "mail_silent_h")
    form["conditions"] = request.POST.getall("conditions")

    def body() -> dict[str, Any]:
        silent = {"mail_silent_h": number(form["mail_silent_h"], "/mail_silent_h")} if "mail_silent_h" in form else {}
        token = {"token": None} if request.POST.get("no_token") else {}
        return {"url": ""} | {name: form[name] for name in form if name != "mail_silent_h"} | silent | token

    error = tried(request, notifications.put, body)
    form.pop("token", None)
    return _draw(request, error, form) if error else see(request, "page_instance")


@page("page_stop_notifications", "POST", Capability.INSTANCE_MANAGE_SETTINGS)
def stop(request: Request) -> Response:
    error = tried(request, notifications.delete)
    return _draw(request, error) if error else see(request, "page_instance")


@page("page_test_notifications", "POST", Capability.INSTANCE_MANAGE_SETTINGS)
def test(request: Request) -> Response:
    """It gives its transaction back while it waits, so no savepoint can hold it."""
    try:
        tested, error = act(request, notifications.test), None
    except PicloudError as refused:
        tested, error = None, refused
    return _draw(request, error, tested=tested)


def _draw(
    request: Request, error: PicloudError | None = None, form: dict[str, Any] | None = None, tested: Any = None
) -> Response:
    it = notifications.read(request)
    values = {"it": it, "form": it | (form or {}), "box": instance.read(request), "error": error, "tested": tested}
    channels, conditions = list(Channel), {each: _SAID[each] for each in Condition}
    status = error.status if error else 200
    return draw(request, "instance_settings", status, channels=channels, conditions=conditions, **values)


_SAID = {
    Condition.DEAD_LETTERS: "Deliveries failed for good",
    Condition.BREAKER: "A script kills its worker again and again",
    Condition.DISK: "The disk is nearly full",
    Condition.BACKUPS: "There is no backup of the last days",
    Condition.MAIL_SILENT: "No mail has come for a while",
}
