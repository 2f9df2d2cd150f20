from typing import Any

import msgspec
from pyramid.request import Request
from pyramid.response import Response

from picloud.domain.access import Capability
from picloud.domain.audit import Action
from picloud.domain.errors import NotFound
from picloud.domain.kinds import ScriptKind
from picloud.models import Script, ScriptVersion
from picloud.security.accountability import audit
from picloud.services.apps.scripts import ScriptService
from picloud.views.api import (
    MAX_INT,
    api,
    json_body,
    page_limit,
    page_request,
    page_shape,
    path_text,
    query_as,
    runtime,
    storing,
)
from picloud.views.limits import limits_shape


class NewScript(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    source: str
    kind: ScriptKind = ScriptKind.ENDPOINT


class NewVersion(msgspec.Struct, forbid_unknown_fields=True):
    """`activate` false: saved only, for a later `activate`."""

    source: str
    message: str | None = None
    activate: bool = True


class ScriptChange(msgspec.Struct, forbid_unknown_fields=True):
    limits: dict[str, Any]


def shape(script: Script) -> dict[str, Any]:
    return {
        "id": script.id,
        "name": script.name,
        "kind": script.kind,
        "active_version": script.active_version,
        "limits": script.limits,
        "created_at": script.created_at,
        "updated_at": script.updated_at,
    }


def shown(request: Request, script: Script) -> dict[str, Any]:
    return shape(script) | limits_shape(request, script.limits, request.context.app.limits)


def version_shape(version: ScriptVersion) -> dict[str, Any]:
    return {
        "number": version.number,
        "source": version.source,
        "message": version.message,
        "created_by": version.created_by,
        "created_at": version.created_at,
    }


@api("scripts", "GET", Capability.SCRIPT_READ)
def index(request: Request) -> dict[str, Any]:
    page = script_service(request).list(page_request(request))
    return page_shape(page, lambda script: shown(request, script))


@api("scripts", "POST", Capability.SCRIPT_WRITE)
@storing
def create(request: Request) -> dict[str, Any]:
    body = json_body(request, NewScript)
    script = script_service(request).create(body.name, body.kind, body.source, request.identity.user_id)
    audit(request, Action.SCRIPT_CREATE, script.name, after=shape(script))
    request.response.status_int = 201
    return shown(request, script) | {"source": body.source}


@api("script", "GET", Capability.SCRIPT_READ)
def read(request: Request) -> dict[str, Any]:
    scripts = script_service(request)
    script = scripts.get(path_text(request, "name"))
    return shown(request, script) | {"source": scripts.source(script)}


@api("script", "PUT", Capability.SCRIPT_WRITE)
@storing
def save(request: Request) -> dict[str, Any]:
    scripts = script_service(request)
    script = scripts.get(path_text(request, "name"))
    body, before = json_body(request, NewVersion), shape(script)
    saved = scripts.save(script, body.source, body.message, request.identity.user_id, activate=body.activate)
    action = Action.SCRIPT_DEPLOY if body.activate else Action.SCRIPT_SAVE
    audit(request, action, saved.name, before, shape(saved) | {"message": body.message})
    return shown(request, saved) | {"source": body.source}


@api("script", "PATCH", Capability.SCRIPT_WRITE)
def update(request: Request) -> dict[str, Any]:
    scripts = script_service(request)
    script = scripts.get(path_text(request, "name"))
    before = shape(script)
    changed = scripts.set_limits(script, json_body(request, ScriptChange).limits)
    audit(request, Action.SCRIPT_UPDATE, script.name, before, shape(changed))
    return shown(request, changed)


@api("script", "DELETE", Capability.SCRIPT_WRITE)
def delete(request: Request) -> Response:
    scripts = script_service(request)
    script = scripts.get(path_text(request, "name"))
    audit(request, Action.SCRIPT_DELETE, script.name, shape(script))
    scripts.delete(script)
    return Response(status=204)


@api("versions", "GET", Capability.SCRIPT_READ)
def versions(request: Request) -> dict[str, Any]:
    scripts = script_service(request)
    script = scripts.get(path_text(request, "name"))
    limit = page_limit(request)
    found = scripts.versions(script, limit, query_as(request, "after", int))
    page = found[:limit]
    return {"items": [version_shape(v) for v in page], "next": str(page[-1].number) if len(found) > limit else None}


@api("activate", "POST", Capability.SCRIPT_WRITE)
def activate(request: Request) -> dict[str, Any]:
    scripts = script_service(request)
    script = scripts.get(path_text(request, "name"))
    number = request.matchdict["number"]
    if not (number.isascii() and number.isdigit()) or int(number[:11]) > MAX_INT:
        raise NotFound(f"The script {script.name!r} has no version {number!r}.")
    before = shape(script)
    activated = scripts.activate(script, int(number))
    audit(request, Action.SCRIPT_ACTIVATE, script.name, before, shape(activated))
    return shown(request, activated)


def script_service(request: Request) -> ScriptService:
    made_of = runtime(request)
    return ScriptService(
        request.db, request.context.app, made_of.pool, source_max_bytes=made_of.settings.script_max_bytes
    )
