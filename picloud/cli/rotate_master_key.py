import getpass
from pathlib import Path

import click

from picloud.cli.database import DATABASE_ERRORS, open_engine
from picloud.cli.options import data_dir_option, load_settings, plain_errors
from picloud.crypto import KeyFileError, UnsealError
from picloud.domain.audit import Actor
from picloud.process import master_key_file
from picloud.services.master_key_rotation import MasterKeyRotation


@click.command("rotate-master-key")
@click.option(
    "--prepare", is_flag=True, help="Only put a new key into the file, for processes that can't read it while they run."
)
@data_dir_option
@plain_errors(*DATABASE_ERRORS, KeyFileError, UnsealError, OSError)
def command(prepare: bool, data_dir: Path | None) -> None:
    """Seal everything under a new master key, while PiCloud serves. When it was interrupted, run it again.

    Where systemd hands the key over (LoadCredential), first run it with --prepare and restart PiCloud.
    """
    settings = load_settings(data_dir=data_dir)
    path = master_key_file(settings)
    with open_engine(settings, upgrade=False) as engine:
        rotation = MasterKeyRotation(engine, path, Actor(getpass.getuser(), "command line"), _show)
        if prepare:
            keys = rotation.prepare()
            click.echo(f"{path} holds a new key beside {keys.fingerprint}. Now restart PiCloud, then run this again.")
            return
        done = rotation.run()
    click.echo(f"Sealed {done.values} values under the master key {done.new}, now alone in {path}.")
    click.echo(f"The old key {done.old} is in {done.retired}. Keep it as long as backups made with it; then remove it.")


def _show(count: int) -> None:
    click.echo(f"{count} values sealed anew", err=True)
