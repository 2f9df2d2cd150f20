"""Events kept by a name, to try a script out with."""

from typing import Any

import msgspec
from pyramid.request import Request
from pyramid.response import Response

from picloud.domain.access import Capability
from picloud.domain.audit import Action
from picloud.models import ScriptSample
from picloud.security.accountability import audit
from picloud.services.apps.script_samples import ScriptSampleService
from picloud.views.api import api, json_body, page_request, page_shape, path_id, path_text
from picloud.views.script_tests import GivenEvent
from picloud.views.scripts import script_service


class NewScriptSample(msgspec.Struct, forbid_unknown_fields=True):
    """`event`: as a test of the script takes it; one from an execution can be given as it is."""

    name: str
    event: GivenEvent


def shape(sample: ScriptSample) -> dict[str, Any]:
    named = {"id": sample.id, "name": sample.name, "kind": sample.kind}
    return named | {"event": sample.event, "created_at": sample.created_at}


@api("script_samples", "GET", Capability.SCRIPT_WRITE)
def index(request: Request) -> dict[str, Any]:
    return page_shape(service(request).list(page_request(request)), shape)


@api("script_samples", "POST", Capability.SCRIPT_WRITE)
def create(request: Request) -> dict[str, Any]:
    body = json_body(request, NewScriptSample)
    given = {name: value for name, value in msgspec.to_builtins(body.event).items() if value is not None}
    sample = service(request).create(body.name, body.event.kind, given)
    audit(request, Action.SAMPLE_CREATE, sample.id, after=_named(request, sample))
    request.response.status_int = 201
    return shape(sample)


@api("script_sample", "DELETE", Capability.SCRIPT_WRITE)
def delete(request: Request) -> Response:
    sample = service(request).delete(path_id(request))
    audit(request, Action.SAMPLE_DELETE, sample.id, _named(request, sample))
    return Response(status=204)


def _named(request: Request, sample: ScriptSample) -> dict[str, Any]:
    return {"script": path_text(request, "name"), "name": sample.name}


def service(request: Request) -> ScriptSampleService:
    return ScriptSampleService(request.db, script_service(request).get(path_text(request, "name")))
