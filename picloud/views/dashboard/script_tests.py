"""The panel that tries a script out, with the source as it stands in the editor."""

from collections.abc import Mapping
from typing import Any

from pyramid.request import Request
from pyramid.response import Response

from picloud.domain.access import Capability
from picloud.domain.errors import PicloudError
from picloud.security.contexts import app_context
from picloud.views import script_tests
from picloud.views.dashboard.editor import draw_script, event_of
from picloud.views.dashboard.page import page
from picloud.views.dashboard.twin import act, given, json_field


@page("page_test_script", "POST", Capability.SCRIPT_WRITE)
def test(request: Request) -> Response:
    form = given(request, "source", "kind", "event", "http", "message", "execution")
    if "execution" in form and "event" not in form:
        form |= event_of(request, form["execution"])
    try:
        outcome, error = act(request, script_tests.test, lambda: _body(form)), None
    except PicloudError as refused:
        outcome, error = None, refused
    # The test has given its transaction back, and with it what was read.
    request.context = app_context(request)
    return draw_script(request, form, error, outcome=outcome)


def _body(form: Mapping[str, str]) -> dict[str, Any]:
    """Raises Invalid."""
    return {"event": _event(form), "source": form.get("source", ""), "http": form.get("http", "safe")}


def _event(form: Mapping[str, str]) -> Any:
    """A whole event, as executions show it, or only the part of the kind; nothing: a sample. Raises Invalid."""
    kind = form.get("kind", "")
    if not form.get("event", "").strip():
        return {"kind": kind}
    event = json_field(form, "event")
    whole = isinstance(event, dict) and event.get("kind") == kind and kind in event
    return event if whole else {"kind": kind, kind: event}
