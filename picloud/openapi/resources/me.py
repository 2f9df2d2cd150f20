from uuid import UUID

import msgspec

from picloud.domain.access import Scope
from picloud.domain.kinds import InstanceRole
from picloud.openapi.operation import Operation, Resource


class KeyInUse(msgspec.Struct):
    """The API key of the request. `app`: the one app that it is bound to."""

    id: UUID
    scopes: list[Scope]
    app: UUID | None


class SessionInUse(msgspec.Struct):
    """The browser's session of the request. `fresh`: its password was shown within the last 10 minutes."""

    id: UUID
    csrf_token: str
    fresh: bool


class Me(msgspec.Struct):
    """Who asks, with a key or a session."""

    id: UUID
    email: str
    role: InstanceRole
    key: KeyInUse | None
    session: SessionInUse | None


ME = Resource(
    "me",
    "Who asks.",
    (Operation(route="me", method="GET", id="get_me", summary="Show who asks, and by which key", answers={200: Me}),),
)
