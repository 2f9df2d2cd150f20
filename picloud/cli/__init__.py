"""`picloud`: one file per noun. A command's file, and with it what is heavy, is imported when the command runs."""

import importlib
from collections.abc import Mapping

import click

COMMANDS: Mapping[str, str] = {
    "admin": "Users who may administer this instance.",
    "backup": "Write a backup to one file, while PiCloud serves.",
    "doctor": "Look at the sandbox, the database, the key, the disk and more; say what to do.",
    "executor": "Run the sandbox pool alone, for a manager and orchestrators.",
    "init": "Set PiCloud up on this box, as root; run again to repair.",
    "keys": "API keys.",
    "manager": "Run the admin API, the dashboard and schedules alone.",
    "migrate": "Bring the database up to date.",
    "orchestrator": "Run intake and deliveries alone, once on every node.",
    "restore": "Bring back a backup, or verify one.",
    "sample": "Deploy the app `hello` and print how to call it.",
    "rotate-master-key": "Seal everything under a new master key, while PiCloud serves.",
    "serve": "Run PiCloud: web server, dispatcher and sandbox, with a PostgreSQL of its own if none is given.",
    "uninstall": "Undo what init did; the data stay.",
    "upgrade": "After installing another version: back up, migrate, restart.",
    "version": "Print the version.",
}


class LazyGroup(click.Group):
    """A group that knows its commands' names and one sentence each, and imports no more."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"picloud.cli.{cmd_name.replace('-', '_')}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(sorted(COMMANDS.items()))


@click.group(cls=LazyGroup)
def main() -> None:
    """PiCloud: event-driven Python handlers on a small box."""
