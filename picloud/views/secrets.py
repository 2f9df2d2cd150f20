from typing import Any

import msgspec
from pyramid.request import Request
from pyramid.response import Response

from picloud.domain.access import Capability
from picloud.domain.audit import Action
from picloud.models import Secret
from picloud.security.accountability import audit
from picloud.services.keyring.secrets import SecretService
from picloud.views.api import api, json_body, page_request, page_shape, path_text, runtime


class SecretValue(msgspec.Struct, forbid_unknown_fields=True):
    value: str


def shape(secret: Secret) -> dict[str, Any]:
    return {"name": secret.name, "created_at": secret.created_at, "updated_at": secret.updated_at}


@api("secrets", "GET", Capability.APP_MANAGE_SECRETS)
def index(request: Request) -> dict[str, Any]:
    return page_shape(_secrets(request).list(page_request(request)), shape)


@api("secret", "PUT", Capability.APP_MANAGE_SECRETS)
def put(request: Request) -> dict[str, Any]:
    secret = _secrets(request).put(path_text(request, "name"), json_body(request, SecretValue).value)
    audit(request, Action.SECRET_SET, secret.name)
    return shape(secret)


@api("secret", "DELETE", Capability.APP_MANAGE_SECRETS)
def delete(request: Request) -> Response:
    name = path_text(request, "name")
    _secrets(request).delete(name)
    audit(request, Action.SECRET_DELETE, name)
    return Response(status=204)


def _secrets(request: Request) -> SecretService:
    return SecretService(request.db, request.context.app.id, runtime(request).master_key)
