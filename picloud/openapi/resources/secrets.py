import msgspec

from picloud.openapi.operation import PAGE, Moment, Operation, Resource, page
from picloud.views.secrets import SecretValue


class Secret(msgspec.Struct):
    """A secret's name. Its value is seen by handlers alone, as `ctx.secrets[name]`."""

    name: str
    created_at: Moment
    updated_at: Moment


SECRETS = Resource(
    "secrets",
    "Values that go in and never come out.",
    (
        Operation(
            route="secrets",
            method="GET",
            id="list_secrets",
            summary="List the names of an app's secrets",
            query=PAGE,
            answers={200: page(Secret, "SecretPage")},
        ),
        Operation(
            route="secret",
            method="PUT",
            id="put_secret",
            summary="Set a secret",
            body=SecretValue,
            example={"value": "s3cr3t"},
            answers={200: Secret},
        ),
        Operation(route="secret", method="DELETE", id="delete_secret", summary="Delete a secret"),
    ),
)
