"""Marks a worker as spent: what was done in it would be seen by the next event, so it takes no other."""

import functools
from collections.abc import Callable
from typing import Any


class _Worker:
    spent = False


def marks_spent(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, which changes state of the process (a seeded generator, a decimal context)."""

    @functools.wraps(function)
    def changed(*args: Any, **kwargs: Any) -> Any:
        _Worker.spent = True
        return function(*args, **kwargs)

    return changed


def is_spent() -> bool:
    return _Worker.spent
