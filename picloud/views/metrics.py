"""`/metrics`, for a Prometheus on this very machine or one with a key."""

from ipaddress import ip_address

from pyramid.request import Request
from pyramid.response import Response

from picloud.domain.access import Capability
from picloud.domain.errors import Forbidden
from picloud.security.contexts import signed_in
from picloud.services.instance.metrics import Metrics
from picloud.views.api import public, runtime
from picloud.views.forwarded import DIRECT, UNIX_PEER

MEDIA_TYPE = "text/plain"


@public("metrics", "GET")
def read(request: Request) -> Response:
    """Raises Unauthenticated, Forbidden."""
    if not _is_local(request):
        principal = signed_in(request)
        if principal.app_id is not None or not principal.may(Capability.INSTANCE_READ_METRICS):
            raise Forbidden("This needs a key with the scope instance:admin, of an owner or admin.")
    made_of = runtime(request)
    text = Metrics(made_of.sessions, made_of.executor).text()
    return Response(text, content_type=MEDIA_TYPE, charset="utf-8")


def _is_local(request: Request) -> bool:
    """A proxy's peer is this machine as well, but a proxy says for whom it asks."""
    peer = request.environ.get("REMOTE_ADDR", "")
    try:
        local = peer == UNIX_PEER or ip_address(peer).is_loopback
    except ValueError:
        return False
    return local and bool(request.environ[DIRECT])
