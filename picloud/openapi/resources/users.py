from uuid import UUID

import msgspec

from picloud.domain.kinds import InstanceRole
from picloud.openapi.operation import PAGE, Moment, Operation, Resource, page
from picloud.views.users import NewUser, UserChange


class User(msgspec.Struct):
    """Somebody who may sign in or hold API keys."""

    id: UUID
    email: str
    role: InstanceRole
    disabled: bool
    has_password: bool
    created_at: Moment


USERS = Resource(
    "users",
    "The people of the instance.",
    (
        Operation(
            route="users",
            method="GET",
            id="list_users",
            summary="List the users",
            query=PAGE,
            answers={200: page(User, "UserPage")},
        ),
        Operation(
            route="users",
            method="POST",
            id="create_user",
            summary="Create a user",
            body=NewUser,
            example={"email": "ada@example.com", "role": "member"},
            answers={201: User},
        ),
        Operation(route="user", method="GET", id="get_user", summary="Show a user", answers={200: User}),
        Operation(
            route="user",
            method="PATCH",
            id="update_user",
            summary="Change a user's role or password, disable or enable it",
            body=UserChange,
            example={"role": "admin"},
            answers={200: User},
        ),
        Operation(route="user", method="DELETE", id="delete_user", summary="Delete a user with its keys"),
    ),
)
