from dataclasses import asdict
from typing import Any

from pyramid.request import Request

from picloud.checkup.instance import instance
from picloud.domain.access import Capability
from picloud.views.api import api, runtime


@api("doctor", "GET", Capability.INSTANCE_READ_METRICS)
def read(request: Request) -> dict[str, Any]:
    """What `picloud doctor --json` prints, as this process sees it."""
    made_of = runtime(request)
    engine = request.db.get_bind()
    # The connection is not held while another one is looked with.
    request.tm.abort()
    request.tm.begin()
    found = instance(made_of.settings, made_of.executor, engine)
    return {"items": [asdict(finding) for finding in found]}
