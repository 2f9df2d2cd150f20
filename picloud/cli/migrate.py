from pathlib import Path

import click

from picloud.cli.database import DATABASE_ERRORS, open_engine
from picloud.cli.options import data_dir_option, load_settings, plain_errors
from picloud.models.revisions import newest_revision


@click.command("migrate")
@data_dir_option
@plain_errors(*DATABASE_ERRORS)
def command(data_dir: Path | None) -> None:
    """Bring the database up to date."""
    with open_engine(load_settings(data_dir=data_dir), upgrade=True):
        click.echo(f"The database is at revision {newest_revision()}.")
