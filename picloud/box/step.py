"""One thing that `picloud init` brings into order."""

from collections.abc import Callable
from dataclasses import dataclass


class BoxError(Exception):
    """The machine can't be set up so. The text names the cause, the place and what to do."""


@dataclass(frozen=True, slots=True)
class Done:
    """`changed`: it was not so before."""

    changed: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Step:
    """`run` may be called again and again: it mends what differs and touches nothing else. Raises BoxError."""

    name: str
    run: Callable[[], Done]
