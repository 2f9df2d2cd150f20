import os
from pathlib import Path

import click

from picloud.cli.database import DATABASE_ERRORS, open_engine
from picloud.cli.embedded import embedded_cluster
from picloud.cli.options import data_dir_option, load_settings, plain_errors
from picloud.postgres import find_bindir
from picloud.services.backup.backups import BackupService, prune
from picloud.services.backup.file import BackupError
from picloud.settings import Settings

FOLDER_NAME = "backups"


@click.command("backup")
@click.option(
    "--to", "folder", type=click.Path(path_type=Path, file_okay=False), help="Default: `backups` in the data folder."
)
@click.option("--keep", type=click.IntRange(min=1), help="Remove all but the newest so many backups of that folder.")
@data_dir_option
@plain_errors(*DATABASE_ERRORS, BackupError, OSError)
def command(folder: Path | None, keep: int | None, data_dir: Path | None) -> None:
    """Write a backup of everything but the master key to one file. PiCloud may serve meanwhile."""
    settings = load_settings(data_dir=data_dir)
    check_is_made(settings)
    target = folder.absolute() if folder else backup_folder(settings)
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open_engine(settings, upgrade=False) as engine:
        service = BackupService(engine, find_bindir(os.environ))
        file = target / service.file_name()
        manifest = service.make(file)
    click.echo(f"{file}  {file.stat().st_size} bytes, schema {manifest.revision}")
    click.echo(
        f"Its secrets open with the master key {', '.join(manifest.key_ids) or '(none yet)'}, which is not in it."
    )
    for gone in prune(target, keep) if keep else ():
        click.echo(f"removed {gone}")


def backup_folder(settings: Settings) -> Path:
    """Of the data folder's owner even if root makes it: the nightly backup runs as that user."""
    folder = settings.data_dir.absolute() / FOLDER_NAME
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if os.geteuid() == 0:
        owner = settings.data_dir.stat()
        os.chown(folder, owner.st_uid, owner.st_gid)
    return folder


def check_is_made(settings: Settings) -> None:
    """Raises BackupError: a command that looks at a database must not make one."""
    if not settings.database_url and not embedded_cluster(settings).is_made():
        raise BackupError(f"There is no PiCloud in {settings.data_dir}. Choose its data folder with --data-dir.")
