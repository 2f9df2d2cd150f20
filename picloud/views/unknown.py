"""Addresses below the API that nothing serves."""

from typing import NoReturn

from pyramid.request import Request

from picloud.domain.access import Capability
from picloud.domain.errors import NotFound
from picloud.views.api import api, public


@public("email_inbound_other", None)
@api("unknown_in_app", None, Capability.APP_READ)
@api("unknown", None, Capability.SELF_READ)
def unknown(request: Request) -> NoReturn:
    raise NotFound(f"PiCloud serves nothing at {request.path}.")
