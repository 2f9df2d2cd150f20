from typing import Any

from pyramid.request import Request

from picloud.domain.access import Capability
from picloud.views.api import api


@api("me", "GET", Capability.SELF_READ)
def read(request: Request) -> dict[str, Any]:
    principal = request.identity
    return {
        "id": principal.user_id,
        "email": principal.email,
        "role": principal.role,
        "key": {"id": principal.key_id, "scopes": sorted(principal.scopes), "app": principal.app_id},
    }
