"""Caches of the standard library that outlive an event.

A handler's subclass of `str`, `bytes` or `int`, with an `__eq__` and a `__hash__` that lie, would lie there in wait for
the next event, and be found in place of an honest key. So these caches are only ever asked with plain values.
"""

import _strptime  # type: ignore[import-not-found]
import fractions
import re
import urllib.parse
from types import ModuleType
from typing import Any

_PLAIN = frozenset({str, bytes, int})
_CACHED: tuple[tuple[ModuleType, str], ...] = (
    (re, "_compile"),
    (re, "_compile_repl"),  # Python 3.11
    (urllib.parse, "_byte_quoter_factory"),
    (fractions, "_hash_algorithm"),  # from 3.12
    (_strptime, "_strptime"),
)
_TEMPLATES: Any = getattr(re, "_compile_template", None)
"""From Python 3.12. Its caller, written in C, keeps it from the first call on, so that it can't be replaced."""


def plain(value: Any) -> Any:
    """A text, bytes or number as exactly that; anything else as it is."""
    if type(value) in _PLAIN:
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, bytes):
        return bytes.__getitem__(value, slice(None))
    return int.__index__(value) if isinstance(value, int) else value


def guard() -> None:
    """For the whole process, and once."""
    for module, name in _CACHED:
        if hasattr(module, name):
            setattr(module, name, _asked_plainly(getattr(module, name)))


def forget() -> None:
    """At the end of an event: empties what can't be guarded."""
    if _TEMPLATES is not None and _TEMPLATES.cache_info().currsize:
        _TEMPLATES.cache_clear()


def _asked_plainly(function: Any) -> Any:
    def asked(*args: Any) -> Any:
        return function(*map(plain, args))

    return asked
