"""The versions of a script: what changed from one to another, and which one is active."""

from pyramid.request import Request
from pyramid.response import Response

from picloud.domain.access import Capability
from picloud.views import scripts
from picloud.views.api import query_as
from picloud.views.dashboard.editor import source_of
from picloud.views.dashboard.listing import changes
from picloud.views.dashboard.page import draw, page, see
from picloud.views.dashboard.twin import act, without_empty


@page("page_versions", "GET", Capability.SCRIPT_READ)
def index(request: Request) -> Response:
    """`?from=&to=` compares; else the newest with the one before."""
    without_empty(request)
    script = scripts.read(request)
    versions = scripts.versions(request)
    numbers = [version["number"] for version in versions["items"]]
    after = query_as(request, "to", int) or (numbers[0] if numbers else script["active_version"])
    before = query_as(request, "from", int) or max(after - 1, 1)
    found = changes(source_of(request, script["id"], before), source_of(request, script["id"], after))
    return draw(request, "versions", script=script, versions=versions, before=before, after=after, changes=found)


@page("page_activate", "POST", Capability.SCRIPT_WRITE)
def activate(request: Request) -> Response:
    act(request, scripts.activate)
    return see(request, "page_versions", app=request.context.app.slug, name=request.matchdict["name"])
