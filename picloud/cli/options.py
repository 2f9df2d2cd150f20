"""What the commands share: settings from options and environment, and errors as one clear line."""

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import Any

import click

from picloud.box import environment
from picloud.box.step import BoxError
from picloud.settings import Settings, SettingsError

data_dir_option = click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the embedded PostgreSQL and the key.",
)


def load_settings(**given: Any) -> Settings:
    """Settings of /etc/picloud/picloud.env, the environment, and the options that were given: the later one wins."""
    return replace(
        Settings.load(environ=environment.read() | dict(os.environ)),
        **{name: value for name, value in given.items() if value is not None},
    )


def plain_errors(*kinds: type[BaseException]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Errors of these kinds end the command with one line and exit code 1, instead of a traceback."""

    expected: tuple[type[BaseException], ...] = (SettingsError, BoxError, *kinds)

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(command)
        def run(*args: Any, **options: Any) -> Any:
            try:
                return command(*args, **options)
            except expected as error:
                click.echo(f"picloud: {_line(error)}", err=True)
                sys.exit(1)

        return run

    return decorate


def _line(error: BaseException) -> str:
    """Of a database's error what the driver says: SQLAlchemy adds the statement with its values."""
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return " ".join(str(getattr(error, "orig", None) or error).split())
