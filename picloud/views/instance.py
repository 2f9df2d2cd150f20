"""How this PiCloud is set up: what its files and environment say, and no secret of it."""

from typing import Any

from pyramid.request import Request

from picloud import __version__
from picloud.domain.access import Capability
from picloud.services.code.limits import instance_limits
from picloud.views.api import api, runtime

_RETENTION = (
    "events_keep_days",
    "executions_keep_days",
    "closed_keep_days",
    "audit_keep_days",
    "history_max_bytes",
)


@api("instance", "GET", Capability.INSTANCE_MANAGE_SETTINGS)
def read(request: Request) -> dict[str, Any]:
    made_of = runtime(request)
    settings = made_of.settings
    return {
        "version": __version__,
        "public_url": settings.public_url,
        "master_key_fingerprint": made_of.master_key.key_id.hex(),
        "limits": instance_limits(settings),
        "retention": {name: getattr(settings, name) for name in _RETENTION},
    }
