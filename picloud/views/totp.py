"""The second factor of whoever asks."""

from typing import Any

import msgspec
from pyramid.request import Request
from pyramid.response import Response

from picloud.domain.access import Capability
from picloud.domain.audit import Action
from picloud.domain.errors import NotFound
from picloud.security.accountability import audit, need_fresh_sign_in
from picloud.services.people.totp import TotpService
from picloud.views.api import api, json_body, runtime


class FirstCode(msgspec.Struct, forbid_unknown_fields=True):
    code: str


@api("my_totp", "POST", Capability.SELF_MANAGE_SIGN_IN)
def enrol(request: Request) -> dict[str, Any]:
    """The secret, this once. It counts from its first code on."""
    need_fresh_sign_in(request)
    principal = request.identity
    enrolment = _totp(request).enrol(principal.user_id, principal.email)
    request.response.status_int = 201
    return {"secret": enrolment.secret, "otpauth_uri": enrolment.uri}


@api("confirm_my_totp", "POST", Capability.SELF_MANAGE_SIGN_IN)
def confirm(request: Request) -> dict[str, Any]:
    """The recovery codes, this once. Each signs in one time where the device is lost."""
    need_fresh_sign_in(request)
    codes = _totp(request).confirm(request.identity.user_id, json_body(request, FirstCode).code)
    audit(request, Action.TOTP_ENABLE, request.identity.user_id)
    return {"recovery_codes": codes}


@api("my_totp", "DELETE", Capability.SELF_MANAGE_SIGN_IN)
def remove(request: Request) -> Response:
    need_fresh_sign_in(request)
    if not _totp(request).remove(request.identity.user_id):
        raise NotFound("You have no second factor.")
    audit(request, Action.TOTP_DISABLE, request.identity.user_id)
    return Response(status=204)


def _totp(request: Request) -> TotpService:
    return TotpService(request.db, runtime(request).master_key)
