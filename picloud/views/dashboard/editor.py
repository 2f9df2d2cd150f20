"""The page of a script: its source as it is live, as it is saved and waits, or as somebody types it."""

from typing import Any

from pyramid.request import Request
from pyramid.response import Response

from picloud.domain import ids
from picloud.domain.access import Capability
from picloud.domain.errors import NotFound, PicloudError, PreconditionFailed
from picloud.domain.kinds import EventKind
from picloud.models import ScriptVersion
from picloud.services.executions.executions import ExecutionService
from picloud.views import script_samples, scripts
from picloud.views.api import query_as, query_text
from picloud.views.dashboard import limits
from picloud.views.dashboard.formats import pretty
from picloud.views.dashboard.listing import changes, excerpt
from picloud.views.dashboard.page import draw, see
from picloud.views.dashboard.recent_events import recent_events
from picloud.views.entity_tags import entity_tag

LIVE, SAVED, DRAFT = "live", "saved", "draft"


def see_script(request: Request, name: str, version: int | None = None) -> Response:
    query = {"_query": {"version": version}} if version else {}
    return see(request, "page_script", app=request.context.app.slug, name=name, **query)


def opened(request: Request) -> dict[str, str]:
    """What the address asks for beside the script itself: `?version=` to go on from, an `?execution=` or a `?sample=` to try
    out with.
    Raises NotFound."""
    wanted, number = query_text(request, "execution"), query_as(request, "version", int)
    found = {} if number is None else {"source": source_of(request, scripts.read(request)["id"], number)}
    if (sample_id := query_text(request, "sample")) is not None:
        sample = script_samples.service(request).get(ids.parse(sample_id))
        return found | {"kind": sample.kind, "event": pretty(sample.event)}
    if wanted is None:
        return found
    return found | event_of(request, wanted)


def event_of(request: Request, execution_id: str) -> dict[str, str]:
    """The event of an execution, as the test panel takes it. Raises NotFound."""
    executions = ExecutionService(request.db, request.context.app)
    execution = executions.get(ids.parse(execution_id))
    return {"kind": execution.kind, "event": pretty(executions.event(execution))}


def source_of(request: Request, script_id: object, number: int) -> str:
    """Raises NotFound."""
    version = request.db.get(ScriptVersion, (script_id, number))
    if version is None:
        raise NotFound(f"The script has no version {number}.")
    source: str = version.source
    return source


def newest_version(request: Request) -> int:
    script_id = scripts.read(request)["id"]
    return scripts.script_service(request).newest_versions([script_id])[script_id]


def draw_script(request: Request, form: dict[str, str], error: PicloudError | None = None, **values: Any) -> Response:
    """The editor with what is saved, or with what stands in `form` and is not."""
    script, newest = scripts.read(request), newest_version(request)
    source = form.get("source", script["source"])
    empty = {"kind": EventKind.HTTP.value, "event": "", "http": "safe", "message": ""}
    shown = {
        "script": script,
        "form": empty | form | {"source": source},
        "state": _state(request, script, newest, source),
        "newest": newest,
        "tag": entity_tag(script),
        "error": error,
        "excerpt": excerpt(source, [item.line for item in error.errors]) if error else [],
        "theirs": changes(script["source"], source) if isinstance(error, PreconditionFailed) else [],
        "kinds": list(EventKind),
        "recent": recent_events(request) if request.has_permission(Capability.LOG_READ) else {},
        "samples": script_samples.index(request)["items"] if request.has_permission(Capability.SCRIPT_WRITE) else [],
        "outcome": None,
        "limits": limits.NAMES,
    }
    return draw(request, "script", error.status if error else 200, **shown | values)


def _state(request: Request, script: dict[str, Any], newest: int, source: str) -> str:
    if source == script["source"]:
        return LIVE
    waits = newest != script["active_version"] and source == source_of(request, script["id"], newest)
    return SAVED if waits else DRAFT
