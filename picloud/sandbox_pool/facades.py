"""Frozen stand-ins for the standard modules that a handler may import.

Real modules never reach a handler: through `json.codecs.builtins` or `re.enum.sys` they lead everywhere. A facade holds
public names only, and only such values as can't be changed in place, so that one event can't reach the next through it.
"""

import base64
import collections
import datetime
import decimal
import functools
import hashlib
import hmac
import html
import importlib
import itertools
import json
import math
import operator
import random
import re
import secrets
import statistics
import string
import textwrap
import time
import types
import urllib.parse
import uuid
import zlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from picloud.sandbox_pool import data_classes, enums, zones
from picloud.sandbox_pool.guards import guarded_write
from picloud.sandbox_pool.language import MODULES
from picloud.sandbox_pool.spent import marks_spent
from picloud.sandbox_pool.type_hints import ABSTRACT, TYPING, Hint
from picloud.sandbox_pool.words import words

_REAL: dict[str, types.ModuleType] = {
    module.__name__: module
    for module in (
        *(
            base64,
            collections,
            datetime,
            decimal,
            functools,
            hashlib,
            hmac,
            html,
            itertools,
            json,
            math,
            operator,
            random,
            re,
        ),
        *(secrets, statistics, string, textwrap, time, urllib.parse, uuid, zlib),
    )
}
_IMMUTABLE = (str, bytes, int, float, tuple, frozenset, type(None), type, uuid.UUID, datetime.tzinfo, Hint)
_CALLABLE = (types.FunctionType, types.BuiltinFunctionType, types.MethodType, functools.partial)


class Facade:
    """A module as a handler sees it: public names, read only."""

    __slots__ = ("_members", "_title")

    def __init__(self, title: str, members: Mapping[str, object]) -> None:
        object.__setattr__(self, "_title", title)
        object.__setattr__(self, "_members", types.MappingProxyType(dict(members)))

    def __getattr__(self, name: str) -> Any:
        try:
            return self._members[name]
        except KeyError:
            raise AttributeError(f"module {self._title!r} has no {name!r} here") from None

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"module {self._title!r} can't be changed")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"module {self._title!r} can't be changed")

    def __repr__(self) -> str:
        return f"<module {self._title!r}>"


def _wraps(wrapped: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """`functools.wraps` without its `assigned` and `updated`: those read and write attributes of any name.

    A closure, not a partial: the arguments of a partial can be replaced by whoever calls it.
    """

    def decorate(wrapper: Callable[..., Any]) -> Callable[..., Any]:
        if not (isinstance(wrapper, types.FunctionType) and "_getattr_" in getattr(wrapper, "__builtins__", ())):
            guarded_write(wrapper)  # what isn't a handler's own would be seen changed by the next event
        return functools.update_wrapper(wrapper, wrapped, assigned=("__name__", "__qualname__", "__doc__"), updated=())

    return decorate


def _total_ordering(cls: type) -> type:
    """`functools.total_ordering` for the handler's own classes: it writes to the class."""
    return functools.total_ordering(guarded_write(cls))


def _namedtuple(
    typename: str,
    field_names: str | Iterable[str],
    *,
    rename: bool = False,
    defaults: Iterable[Any] | None = None,
) -> type:
    """`collections.namedtuple` for exact strings only: it builds source code from what it is given."""
    names = field_names.replace(",", " ").split() if isinstance(field_names, str) else list(field_names)
    if type(typename) is not str or any(type(name) is not str for name in names):
        raise TypeError("type and field names must be strings")
    return collections.namedtuple(typename, names, rename=bool(rename), defaults=defaults)


_REPLACED: dict[str, dict[str, object]] = {
    "collections.abc": ABSTRACT,
    "dataclasses": {name: getattr(data_classes, name) for name in MODULES["dataclasses"].split()},
    "enum": {name: getattr(enums, name) for name in MODULES["enum"].split()},
    "typing": TYPING,
    "functools": {"wraps": _wraps, "total_ordering": _total_ordering},
    "collections": {"namedtuple": _namedtuple},
    "random": {"seed": marks_spent(random.seed)},
    "decimal": {
        "getcontext": marks_spent(decimal.getcontext),
        "setcontext": marks_spent(decimal.setcontext),
    },
    "urllib.parse": {"urlsplit": getattr(urllib.parse.urlsplit, "__wrapped__", urllib.parse.urlsplit)},
    "zoneinfo": {
        "ZoneInfo": zones.zone,
        "ZoneInfoNotFoundError": zones.ZoneInfoNotFoundError,
        "available_timezones": zones.names,
    },
}


def _members(module_name: str, names: str) -> dict[str, object]:
    replaced = _REPLACED.get(module_name, {})
    real = _REAL.get(module_name)
    wanted = [n for n in dir(real) if not n.startswith("_")] if names == "*" else names.split()
    members = {
        name: replaced[name] if name in replaced else getattr(real, name)
        for name in wanted
        if name in replaced or hasattr(real, name)
    }
    for name, value in members.items():
        if not isinstance(value, _IMMUTABLE + _CALLABLE):
            raise TypeError(f"{module_name}.{name} could be changed by a handler")
    return members


def _build() -> dict[str, Facade]:
    facades = {name: Facade(name, _members(name, names)) for name, names in MODULES.items()}
    facades["urllib"] = Facade("urllib", {"parse": facades["urllib.parse"]})
    collected = _members("collections", MODULES["collections"])
    facades["collections"] = Facade("collections", {**collected, "abc": facades["collections.abc"]})
    return facades


FACADES: Mapping[str, Facade] = types.MappingProxyType(_build())
"""Every module that `import` gives, by name. `urllib` is there for `import urllib.parse`."""


def exported(module_name: str) -> frozenset[str]:
    """The names that `from module_name import …` may take."""
    return frozenset(FACADES[module_name]._members)


for _name in words(
    "_strptime encodings.idna encodings.ascii encodings.latin_1 encodings.utf_8_sig encodings.utf_16 "
    "encodings.utf_16_le encodings.utf_16_be encodings.utf_32 encodings.cp1252 encodings.iso8859_1 "
    "encodings.iso8859_15 encodings.punycode encodings.unicode_escape encodings.raw_unicode_escape"
):
    importlib.import_module(_name)  # else imported at first use, by a worker that can open no file
