import getpass
import json
from pathlib import Path

import click

from picloud.cli.database import DATABASE_ERRORS, open_session
from picloud.cli.options import data_dir_option, load_settings, plain_errors
from picloud.domain.access import Scope
from picloud.domain.audit import Action, Actor
from picloud.domain.errors import NotFound, PicloudError
from picloud.services.apps.apps import AppService
from picloud.services.audit import AuditService
from picloud.services.people.api_keys import ApiKeyService
from picloud.services.people.users import UserService


@click.group("keys")
def command() -> None:
    """API keys."""


@command.command("create")
@click.option("--user", "email", required=True, metavar="EMAIL", help="Whose key it is.")
@click.option("--app", "slug", metavar="SLUG", help="Bind the key to this app.")
@click.option(
    "--scope", "scopes", multiple=True, type=click.Choice([scope.value for scope in Scope]), help="Default: all."
)
@click.option("--name", default="made on the command line", show_default=True, help="What the key is for.")
@click.option("--json", "as_json", is_flag=True, help='Print {"id", "key"}.')
@data_dir_option
@plain_errors(*DATABASE_ERRORS, PicloudError)
def create(
    email: str, slug: str | None, scopes: tuple[str, ...], name: str, as_json: bool, data_dir: Path | None
) -> None:
    """Make an API key and print it, this once."""
    with open_session(load_settings(data_dir=data_dir)) as session:
        user = UserService(session).by_email(email)
        app = AppService(session).find(slug) if slug else None
        if user is None:
            raise NotFound(f"There is no user {email}. Make one: picloud admin create {email}")
        if slug and app is None:
            raise NotFound(f"There is no app {slug}.")
        chosen = [Scope(scope) for scope in scopes] or list(Scope)
        row, key = ApiKeyService(session).create(user.id, name, chosen, app_id=app.id if app else None)
        key_id = str(row.id)
        actor = Actor(getpass.getuser(), "command line")
        AuditService(session).record(
            actor, Action.KEY_CREATE, key_id, app_id=row.app_id, after={"user": user.email, "scopes": row.scopes}
        )
    click.echo(json.dumps({"id": key_id, "key": key}) if as_json else key)
