import getpass
from pathlib import Path

import click

from picloud.cli.database import DATABASE_ERRORS, open_engine
from picloud.cli.options import data_dir_option, load_settings, plain_errors
from picloud.crypto import KeyFileError, UnsealError, load_master_key
from picloud.domain.audit import Actor
from picloud.services.instance.rotation import MasterKeyRotation
from picloud.services.keyring.key_file import master_key_file


@click.command("rotate-master-key")
@data_dir_option
@plain_errors(*DATABASE_ERRORS, KeyFileError, UnsealError, OSError)
def command(data_dir: Path | None) -> None:
    """Seal everything under a new master key, while PiCloud serves. When it was interrupted, run it again.

    Where the key file is not in the data folder, PiCloud may not be able to read it again while it runs (systemd's
    LoadCredential hands over a copy). Then the first call only adds the new key: restart PiCloud and call again.
    """
    settings = load_settings(data_dir=data_dir)
    path = master_key_file(settings)
    with open_engine(settings, upgrade=False) as engine:
        rotation = MasterKeyRotation(engine, path, Actor(getpass.getuser(), "command line"), _show)
        if path.parent != settings.data_dir and len(load_master_key(path).key_ids) == 1:
            rotation.prepare()
            click.echo(f"{path} holds a new key beside the old one. Now restart PiCloud, and then run this again.")
            return
        done = rotation.run()
    click.echo(f"Sealed {done.values} values under the master key {done.new}, now alone in {path}.")
    click.echo(f"The old key {done.old} is in {done.retired}. Keep it as long as backups made with it; then remove it.")


def _show(count: int) -> None:
    click.echo(f"{count} values sealed anew", err=True)
