from typing import Any

import msgspec
from pyramid.request import Request
from pyramid.response import Response

from picloud.domain.access import Capability
from picloud.domain.audit import Action
from picloud.models import AppDomain
from picloud.security.accountability import audit
from picloud.services.apps.domains import AppDomainService
from picloud.views.api import api, json_body, page_request, page_shape, path_text, runtime


class NewDomain(msgspec.Struct, forbid_unknown_fields=True):
    domain: str


def shape(row: AppDomain) -> dict[str, Any]:
    return {"domain": row.domain, "created_at": row.created_at}


@api("app_domains", "GET", Capability.DOMAIN_MANAGE)
def index(request: Request) -> dict[str, Any]:
    return page_shape(_domains(request).list(page_request(request)), shape)


@api("app_domains", "POST", Capability.DOMAIN_MANAGE)
def add(request: Request) -> dict[str, Any]:
    row = _domains(request).add(json_body(request, NewDomain).domain)
    audit(request, Action.DOMAIN_CREATE, row.domain)
    request.response.status_int = 201
    return shape(row)


@api("app_domain", "DELETE", Capability.DOMAIN_MANAGE)
def remove(request: Request) -> Response:
    domain = path_text(request, "domain")
    _domains(request).remove(domain)
    audit(request, Action.DOMAIN_DELETE, domain)
    return Response(status=204)


def _domains(request: Request) -> AppDomainService:
    return AppDomainService(request.db, request.context.app, runtime(request).settings.public_url)
