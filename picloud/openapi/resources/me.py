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


class Me(msgspec.Struct):
    """Who asks."""

    id: UUID
    email: str
    role: InstanceRole
    key: KeyInUse


ME = Resource(
    "me",
    "Who asks.",
    (Operation(route="me", method="GET", id="get_me", summary="Show who asks, and by which key", answers={200: Me}),),
)
