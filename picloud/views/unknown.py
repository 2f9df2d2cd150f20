"""Addresses below the API that nothing serves."""

from typing import NoReturn

from pyramid.request import Request

from picloud.domain.access import Capability
from picloud.domain.errors import NotFound
from picloud.domain.kinds import TriggerKind
from picloud.views.api import api, public


@public("email_inbound_other", None)
@api("unknown_in_app", None, Capability.APP_READ)
@api("unknown", None, Capability.SELF_READ)
def unknown(request: Request) -> NoReturn:
    raise NotFound(f"PiCloud serves nothing at {request.path}.")


@api("unknown_trigger_kind", None, Capability.APP_MANAGE_TRIGGERS)
def unknown_kind(request: Request) -> NoReturn:
    """Raises NotFound, and says what there is: the kind is a word that people guess."""
    kinds = ", ".join(f"`{kind}`" for kind in TriggerKind)
    raise NotFound(f"There are no triggers of the kind `{request.matchdict['kind']}`. The kinds are {kinds}.")
