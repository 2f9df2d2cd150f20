import os
import shutil

import click

from picloud.box import account, configuration, environment, proxy, system_postgres, units
from picloud.box.programs import run
from picloud.box.step import BoxError
from picloud.cli.options import plain_errors


@click.command("uninstall")
@click.option("--delete-data", is_flag=True, help="The data folder, backups, settings and the master key too.")
@click.confirmation_option(prompt="Stop PiCloud and remove its units?")
@plain_errors(OSError)
def command(delete_data: bool) -> None:
    """Undo what `picloud init` did. The data stay, unless told otherwise."""
    if os.geteuid() != 0:
        raise BoxError("Run it as root.")
    for path in (*units.remove(), *proxy.remove()):
        click.echo(f"removed {path}")
    if delete_data:
        if system_postgres.is_ours(environment.read().get(configuration.URL, "")) and system_postgres.is_running():
            system_postgres.remove_database()
            click.echo(f"removed the database {system_postgres.NAME} of the system's PostgreSQL")
        for folder in (account.HOME, environment.ETC):
            shutil.rmtree(folder, ignore_errors=True)
            click.echo(f"removed {folder}")
        run("userdel", account.USER)
    else:
        click.echo(
            f"The database is left, and {account.HOME} and {environment.ETC}: backups, settings, the master key."
        )
    click.echo(f"The program itself: rm -r {units.program().parents[1]}")
