from uuid import UUID

import msgspec

from picloud.domain.access import Scope
from picloud.openapi.operation import PAGE, Moment, Operation, Resource, page
from picloud.views.api_keys import NewKey


class ApiKey(msgspec.Struct):
    """A key that acts for its user. `prefix` tells it from others; `app` is the one app that it is bound to."""

    id: UUID
    name: str
    prefix: str
    scopes: list[Scope]
    app: UUID | None
    expires_at: Moment | None
    last_used_at: Moment | None
    created_at: Moment


class CreatedApiKey(ApiKey):
    """The one answer that shows the key itself."""

    key: str


API_KEYS = Resource(
    "api keys",
    "Keys of the user who asks.",
    (
        Operation(
            route="api_keys",
            method="GET",
            id="list_api_keys",
            summary="List one's own API keys",
            query=PAGE,
            answers={200: page(ApiKey, "ApiKeyPage")},
        ),
        Operation(
            route="api_keys",
            method="POST",
            id="create_api_key",
            summary="Create an API key, shown this once",
            body=NewKey,
            example={"name": "deploys", "scopes": ["script:write"], "app": "shop"},
            answers={201: CreatedApiKey},
        ),
        Operation(route="api_key", method="DELETE", id="delete_api_key", summary="Delete an API key; it ends at once"),
    ),
)
