import click

from picloud import __version__


@click.command("version")
def command() -> None:
    """Print the version."""
    click.echo(f"picloud {__version__}")
