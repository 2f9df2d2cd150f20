from uuid import UUID

import msgspec

from picloud.openapi.operation import PAGE, Moment, Operation, Resource, page
from picloud.openapi.resources.users import User
from picloud.views.me import NewPassword
from picloud.views.session import Reauthentication, SignIn
from picloud.views.setup import Setup
from picloud.views.totp import FirstCode


class NewSession(msgspec.Struct):
    """Signed in. The cookie is in `Set-Cookie`; changes also send `csrf_token`, as `X-CSRF-Token`."""

    id: UUID
    user: User
    csrf_token: str


class Session(msgspec.Struct):
    """A browser that is signed in. `current`: it is the one that asks."""

    id: UUID
    address: str
    user_agent: str
    created_at: Moment
    last_used_at: Moment
    expires_at: Moment
    current: bool


class HasOwner(msgspec.Struct):
    has_owner: bool


class SecondFactor(msgspec.Struct):
    """Shown once. `secret` in base32; `otpauth_uri` is what a QR code for authenticator apps holds."""

    secret: str
    otpauth_uri: str


class RecoveryCodes(msgspec.Struct):
    """Shown once. Each signs in one time instead of a code."""

    recovery_codes: list[str]


SESSIONS = Resource(
    "sessions",
    "Signing in with a browser, and how one does it.",
    (
        Operation(
            route="session",
            method="POST",
            id="sign_in",
            summary="Sign in",
            body=SignIn,
            example={"email": "ada@example.com", "password": "correct horse battery"},
            answers={201: NewSession},
            problems=(400, 401, 403, 409, 413, 415, 422, 429, 503),
        ),
        Operation(route="session", method="DELETE", id="sign_out", summary="Sign out", problems=(401, 403, 503)),
        Operation(
            route="reauthenticate",
            method="POST",
            id="reauthenticate",
            summary="Show one's password again, for what gives power away",
            body=Reauthentication,
        ),
        Operation(
            route="sessions",
            method="GET",
            id="list_sessions",
            summary="List one's own sessions",
            query=PAGE,
            answers={200: page(Session, "SessionPage")},
        ),
        Operation(route="session_of_mine", method="DELETE", id="delete_session", summary="End one of one's sessions"),
        Operation(
            route="my_password",
            method="PUT",
            id="change_my_password",
            summary="Change one's own password; all other sessions end",
            body=NewPassword,
        ),
        Operation(
            route="my_totp",
            method="POST",
            id="enrol_totp",
            summary="Make the secret of a second factor, shown this once",
            answers={201: SecondFactor},
        ),
        Operation(
            route="confirm_my_totp",
            method="POST",
            id="confirm_totp",
            summary="Put the second factor in use, by its first code",
            body=FirstCode,
            answers={200: RecoveryCodes},
        ),
        Operation(route="my_totp", method="DELETE", id="remove_totp", summary="Remove one's second factor"),
    ),
)

SETUP = Resource(
    "setup",
    "The first owner.",
    (
        Operation(
            route="setup",
            method="GET",
            id="get_setup",
            summary="Does anybody own this PiCloud?",
            answers={200: HasOwner},
            problems=(503,),
        ),
        Operation(
            route="setup",
            method="POST",
            id="set_up",
            summary="Make the first owner, with the token of the link that the terminal shows",
            body=Setup,
            example={"token": "pic_setup_…", "email": "ada@example.com", "password": "correct horse battery"},
            answers={201: User},
            problems=(400, 403, 409, 413, 415, 422, 503),
        ),
    ),
)
