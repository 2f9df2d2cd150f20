import click

from picloud.cli.options import plain_errors
from picloud.cli.starting import serve_part
from picloud.domain.parts import MANAGER


@click.command("manager")
@click.option("--listen", "address", metavar="HOST:PORT", help="Where to serve; also unix:PATH.")
@plain_errors(OSError, ValueError)
def command(address: str | None) -> None:
    """Run the manager: admin API, dashboard and schedules.

    Needs PICLOUD_DATABASE_URL, the master key and `picloud executor`.
    """
    serve_part(MANAGER, address)
