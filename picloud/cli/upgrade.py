import os
from pathlib import Path

import click
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from picloud.box import layout, units
from picloud.cli.backup import backup_folder, check_is_made
from picloud.cli.database import DATABASE_ERRORS, open_unmigrated
from picloud.cli.options import data_dir_option, load_settings, plain_errors
from picloud.models.revisions import current_revision, newest_revision
from picloud.models.schema import downgrade, migrate
from picloud.postgres import find_bindir
from picloud.services.backup.backups import BackupService
from picloud.services.backup.file import BackupError


@click.command("upgrade")
@data_dir_option
@plain_errors(*DATABASE_ERRORS, BackupError, OSError)
def command(data_dir: Path | None) -> None:
    """After installing another version: back up, bring the database up to date, restart the service.

    What serves goes on serving meanwhile. Where a migration fails, those before it are taken back.
    """
    settings = load_settings(data_dir=data_dir)
    check_is_made(settings)
    with open_unmigrated(settings) as engine:
        before = _revision(engine)
        if before == newest_revision():
            click.echo(f"The database is at revision {before} already.")
        else:
            if before:
                _back_up(engine, backup_folder(settings))
            _migrate(engine, before)
    if units.are_installed():
        units.restart(layout.present())
        click.echo("Restarted.")
        if units.are_outdated():
            click.echo("This version brings other units: picloud init --non-interactive")


def _revision(engine: Engine) -> str:
    with engine.connect() as connection:
        return current_revision(connection)


def _back_up(engine: Engine, folder: Path) -> None:
    service = BackupService(engine, find_bindir(os.environ))
    file = folder / service.file_name()
    service.make(file)
    click.echo(f"Backed up to {file}")


def _migrate(engine: Engine, before: str) -> None:
    try:
        click.echo(f"The database is at revision {migrate(engine)}.")
    except SQLAlchemyError:
        if before:
            downgrade(engine, before)
            click.echo(f"A migration failed; the database is at revision {before} again.", err=True)
        raise
