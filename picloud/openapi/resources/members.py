from uuid import UUID

import msgspec

from picloud.domain.kinds import AppRole
from picloud.openapi.operation import PAGE, Moment, Operation, Resource, page
from picloud.views.members import Membership


class Member(msgspec.Struct):
    """A user with a role in the app."""

    user_id: UUID
    email: str
    role: AppRole
    created_at: Moment


MEMBERS = Resource(
    "members",
    "Who has a role in an app.",
    (
        Operation(
            route="members",
            method="GET",
            id="list_members",
            summary="List an app's members",
            query=PAGE,
            answers={200: page(Member, "MemberPage")},
        ),
        Operation(
            route="member",
            method="PUT",
            id="put_member",
            summary="Give a user a role in the app",
            body=Membership,
            example={"role": "editor"},
            answers={200: Member},
        ),
        Operation(route="member", method="DELETE", id="delete_member", summary="Take a user's role in the app away"),
    ),
)
