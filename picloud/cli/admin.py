import sys
from pathlib import Path

import click
from sqlalchemy.exc import SQLAlchemyError

from picloud.cli.database import open_session
from picloud.cli.options import data_dir_option, load_settings, plain_errors
from picloud.domain.errors import PicloudError
from picloud.domain.kinds import InstanceRole
from picloud.postgres import PostgresError
from picloud.services.users import UserService


@click.group("admin")
def command() -> None:
    """Users who may administer this instance."""


@command.command("create")
@click.argument("email")
@click.option("--password-stdin", is_flag=True, help="Read a password from standard input.")
@data_dir_option
@plain_errors(PostgresError, SQLAlchemyError, PicloudError)
def create(email: str, password_stdin: bool, data_dir: Path | None) -> None:
    """Make an owner. Without a password only API keys sign it in."""
    password = sys.stdin.readline().rstrip("\r\n") if password_stdin else None
    with open_session(load_settings(data_dir=data_dir)) as session:
        user = UserService(session).create(email, InstanceRole.OWNER, password)
        click.echo(f"Created the owner {user.email}. Next: picloud keys create --user {user.email}")
