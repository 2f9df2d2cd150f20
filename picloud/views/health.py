"""Is the process alive, and can it do its work?"""

from typing import Any

from pyramid.request import Request

from picloud import __version__
from picloud.domain.errors import Unavailable
from picloud.services.instance.readiness import Readiness
from picloud.views.api import public, runtime


@public("healthz", "GET")
def healthz(request: Request) -> dict[str, Any]:
    return {"status": "ok", "version": __version__}


@public("readyz", "GET")
def readyz(request: Request) -> dict[str, Any]:
    made_of = runtime(request)
    reasons = Readiness(made_of.sessions, made_of.executor, made_of.disk).reasons()
    if reasons:
        error = Unavailable("; ".join(reasons), code="not_ready")
        error.members["reasons"] = reasons
        raise error
    return {"status": "ok", "reasons": []}
