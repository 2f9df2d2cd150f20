import click

from picloud.cli.options import plain_errors
from picloud.cli.starting import serve_part
from picloud.domain.parts import ORCHESTRATOR


@click.command("orchestrator")
@click.option("--listen", "address", metavar="HOST:PORT", help="Where to serve; also unix:PATH.")
@plain_errors(OSError, ValueError)
def command(address: str | None) -> None:
    """Run an orchestrator: calls and mail come in here, and deliveries are made.

    Needs PICLOUD_DATABASE_URL, the master key and `picloud executor`.
    """
    serve_part(ORCHESTRATOR, address)
