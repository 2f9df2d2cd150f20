import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from sqlalchemy.engine import URL

from picloud.cli.database import DATABASE_ERRORS
from picloud.cli.embedded import embedded_cluster
from picloud.cli.options import data_dir_option, load_settings, plain_errors
from picloud.crypto import KeyFileError, load_master_key
from picloud.models.engine import database_url
from picloud.postgres import find_bindir
from picloud.services.backup.file import BackupError, Manifest
from picloud.services.backup.restores import STOP, RestoreService, checked_manifest
from picloud.services.keyring.key_file import master_key_file
from picloud.settings import Settings


@click.command("restore")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--replace", is_flag=True, help="Even if the database has content: it is kept beside the new one.")
@click.option("--verify-only", is_flag=True, help="Restore into a throw-away database, compare, and change nothing.")
@data_dir_option
@plain_errors(*DATABASE_ERRORS, BackupError, KeyFileError, OSError)
def command(file: Path, replace: bool, verify_only: bool, data_dir: Path | None) -> None:
    """Bring back a backup. PiCloud must not serve meanwhile, unless it is only verified."""
    settings = load_settings(data_dir=data_dir)
    _check_key(settings, checked_manifest(file))
    with _server(settings, verify_only) as url:
        service = RestoreService(url, find_bindir(os.environ))
        manifest = service.verify(file) if verify_only else service.restore(file, replace=replace)
    what = f"{sum(manifest.tables.values())} rows in {len(manifest.tables)} tables"
    done = "Verified" if verify_only else "Restored"
    click.echo(f"{done}: {what}, as of {manifest.created_at:%Y-%m-%d %H:%M:%S} UTC.")


def _check_key(settings: Settings, manifest: Manifest) -> None:
    """Before anything is changed: without the right key the secrets of a backup are lost."""
    path = master_key_file(settings)
    wanted = " and ".join(manifest.key_ids)
    if not manifest.key_ids:
        return
    if not path.exists():
        raise BackupError(f"There is no master key at {path}. Put the one with the fingerprint {wanted} there first.")
    found = {key_id.hex() for key_id in load_master_key(path).key_ids}
    if not found.issuperset(manifest.key_ids):
        holds = " and ".join(sorted(found))
        raise BackupError(f"{path} holds {holds}; the backup's secrets open with {wanted}. Nothing was changed.")


@contextmanager
def _server(settings: Settings, may_serve: bool) -> Iterator[URL]:
    if settings.database_url:
        yield database_url(settings.database_url)
        return
    cluster = embedded_cluster(settings)
    if cluster.owned_elsewhere() and not may_serve:
        raise BackupError(f"PiCloud serves from {settings.data_dir}. Stop it first: {STOP}")
    with cluster.opened() as url:
        yield database_url(url)
