import getpass
import sys
from pathlib import Path

import click
from sqlalchemy.orm import Session

from picloud.cli import banner
from picloud.cli.database import DATABASE_ERRORS, open_session
from picloud.cli.options import data_dir_option, load_settings, plain_errors
from picloud.domain.audit import Action, Actor
from picloud.domain.errors import Conflict, NotFound, PicloudError
from picloud.domain.kinds import InstanceRole
from picloud.models import User, UserTotp
from picloud.services.audit import AuditService
from picloud.services.people.setup_links import SetupLinkService
from picloud.services.people.users import UserService

_errors = plain_errors(*DATABASE_ERRORS, PicloudError)
_password_stdin = click.option("--password-stdin", is_flag=True, help="Read a password from standard input.")


@click.group("admin")
def command() -> None:
    """Users who may administer this instance."""


@command.command("create")
@click.argument("email")
@_password_stdin
@data_dir_option
@_errors
def create(email: str, password_stdin: bool, data_dir: Path | None) -> None:
    """Make an owner. Without a password only API keys sign it in."""
    password = _read_password() if password_stdin else None
    with open_session(load_settings(data_dir=data_dir)) as session:
        user = UserService(session).create(email, InstanceRole.OWNER, password)
        _record(session, Action.USER_CREATE, user, {"email": user.email, "role": user.role})
        click.echo(f"Created the owner {user.email}. Next: picloud keys create --user {user.email}")
        if password is None:
            click.echo(f"To sign in with a browser: picloud admin set-password {user.email}")


@command.command("set-password")
@click.argument("email")
@_password_stdin
@data_dir_option
@_errors
def set_password(email: str, password_stdin: bool, data_dir: Path | None) -> None:
    """Give a user a new password, on the terminal or by standard input. Its sessions end."""
    password = _read_password() if password_stdin else _ask_password()
    with open_session(load_settings(data_dir=data_dir)) as session:
        user = _user(session, email)
        UserService(session).set_password(user, password)
        _record(session, Action.PASSWORD_CHANGE, user)
    click.echo(f"{email} has a new password.")


@command.command("remove-totp")
@click.argument("email")
@data_dir_option
@_errors
def remove_totp(email: str, data_dir: Path | None) -> None:
    """Remove a user's second factor, when its device and its recovery codes are lost."""
    with open_session(load_settings(data_dir=data_dir)) as session:
        user = _user(session, email)
        factor = session.get(UserTotp, user.id)
        if factor is None:
            raise NotFound(f"{email} has no second factor.")
        session.delete(factor)
        _record(session, Action.TOTP_DISABLE, user)
    click.echo(f"{email} signs in with its password alone.")


@command.command("setup-link")
@data_dir_option
@_errors
def setup_link(data_dir: Path | None) -> None:
    """Print a link that makes the first owner. It works once, for 30 minutes, and ends the links before it."""
    settings = load_settings(data_dir=data_dir)
    with open_session(settings) as session:
        token = SetupLinkService(session).issue()
    if token is None:
        raise Conflict("This PiCloud has an owner. More are made by: picloud admin create EMAIL")
    click.echo(banner.setup_link(settings.public_url or f"http://{settings.listen}", token))


def _user(session: Session, email: str) -> User:
    user = UserService(session).by_email(email)
    if user is None:
        raise NotFound(f"There is no user {email}.")
    return user


def _read_password() -> str:
    return sys.stdin.readline().rstrip("\r\n")


def _ask_password() -> str:
    return str(click.prompt("New password", hide_input=True, confirmation_prompt=True))


def _record(session: Session, action: Action, user: User, after: dict[str, str] | None = None) -> None:
    actor = Actor(getpass.getuser(), "command line")
    AuditService(session).record(actor, action, user.id, after=after)
