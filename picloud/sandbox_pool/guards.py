"""What restricted code is given in place of plain attribute access, item access, writing and formatting.

This is the inner fence. It keeps honest handlers from surprising each other and makes escapes hard; it is never what
safety rests on (that is `confinement`). Names are compared as exact `str`: a subclass can lie about its own contents.
"""

import operator
from abc import ABCMeta
from collections import ChainMap, Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta, timezone
from decimal import Context, Decimal
from types import (
    AsyncGeneratorType,
    BuiltinMethodType,
    CodeType,
    CoroutineType,
    FrameType,
    FunctionType,
    GeneratorType,
    MethodDescriptorType,
    ModuleType,
    TracebackType,
)
from typing import Any
from uuid import UUID

from RestrictedPython.transformer import INSPECT_ATTRIBUTES

from picloud.sandbox_pool.event import Headers, Record
from picloud.sandbox_pool.formatting import SafeFormat
from picloud.sandbox_pool.handler_object import HandlerObject
from picloud.sandbox_pool.language import METHODS
from picloud.sandbox_pool.words import words

HIDDEN_TYPES = (AsyncGeneratorType, CodeType, CoroutineType, FrameType, ModuleType, TracebackType)
UNREADABLE = INSPECT_ATTRIBUTES | {"mro"}
UNMATCHABLE = UNREADABLE | {"format", "format_map", "obj", "register"}
"""And what is replaced, or refused for some objects alone: a pattern reads past the guards whatever it meets."""
_MISSING = object()
_GENERATOR_METHODS = frozenset({"send", "throw", "close"})
_FORMATTING = frozenset({"format", "format_map"})


class HandlerClass(type):
    """The metaclass of every class that a handler defines: it marks what may be written to."""

    def __new__(mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **kwargs: Any) -> "HandlerClass":
        if kwargs:
            raise TypeError("class keywords are not available")
        for base in bases:
            if isinstance(base, type) and type(base) is not type and not isinstance(base, HandlerClass):
                raise TypeError(f"{base.__name__} can't be a base class here")
        for key in namespace:
            if key.startswith("__") and key not in METHODS and key not in _IMPLICIT:
                raise TypeError(f"a class can't define {key} here")
        return super().__new__(mcs, name, bases, namespace)


_IMPLICIT = frozenset(
    words(
        "__module__ __qualname__ __doc__ __classcell__ __classdictcell__ __static_attributes__ "
        "__firstlineno__ __metaclass__ __orig_bases__ __fields__"
    )
)


def check_name(ob: object, name: object) -> str:
    """`name` if it may be read or written on `ob`. Raises TypeError or AttributeError."""
    if type(name) is not str:
        raise TypeError("an attribute's name must be a string")
    if name.startswith("_"):
        raise AttributeError(f"{name!r} starts with an underscore: such names are not available here")
    if name in UNREADABLE or (type(ob) is GeneratorType and name not in _GENERATOR_METHODS):
        raise AttributeError(f"{name!r} is not available here")
    if isinstance(ob, HIDDEN_TYPES) or (name == "obj" and isinstance(ob, AttributeError)):
        raise AttributeError(f"{name!r} is not available here")
    if name == "register" and isinstance(ob, ABCMeta):  # it would change isinstance() for the next event
        raise AttributeError(f"{name!r} is not available here")
    return name


def guarded_getattr(ob: object, name: str, default: object = _MISSING) -> Any:
    """`getattr` that never gives what leads out: underscores, frames, code, real modules, raw `str.format`."""
    name = check_name(ob, name)
    value = getattr(ob, name) if default is _MISSING else getattr(ob, name, default)
    if isinstance(value, HIDDEN_TYPES):
        raise AttributeError(f"{name!r} is not available here")
    if type(value) is BuiltinMethodType and isinstance(value.__self__, str) and value.__name__ in _FORMATTING:
        return _format.bound(value.__self__, value.__name__)
    if type(value) is MethodDescriptorType and value.__objclass__ is str and value.__name__ in _FORMATTING:
        return _format.unbound(value.__name__)
    return value


def guarded_hasattr(ob: object, name: str) -> bool:
    try:
        guarded_getattr(ob, name)
    except AttributeError:
        return False
    return True


def guarded_getitem(ob: Any, key: Any) -> Any:
    value = ob[key]
    if isinstance(value, HIDDEN_TYPES):
        raise TypeError("this item is not available here")
    return value


def guarded_iter(ob: Any) -> Iterator[Any]:
    return iter(ob)


_WRITABLE = frozenset(
    {dict, list, set, bytearray, defaultdict, OrderedDict, Counter, deque, ChainMap, Context, Record, Headers}
)


_NOUNS = {"Facade": "module", "AppModule": "module", "type": "class of Python's own", "EnumClass": "enum"}


def guarded_write(ob: Any) -> Any:
    """`ob` if a handler may assign to its items and attributes. Raises TypeError."""
    kind = type(ob)
    if kind in _WRITABLE or type(kind) is HandlerClass or kind is HandlerClass:
        return ob
    if isinstance(ob, HandlerObject):
        raise TypeError(ob._unchangeable)
    raise TypeError(f"a {_NOUNS.get(kind.__name__, kind.__name__)} can't be changed here")


def guarded_setattr(ob: Any, name: str, value: object) -> None:
    setattr(guarded_write(ob), check_name(ob, name), value)


def guarded_delattr(ob: Any, name: str) -> None:
    delattr(guarded_write(ob), check_name(ob, name))


_PLAIN = frozenset(
    {int, float, complex, bool, str, bytes, bytearray, list, tuple, dict, set, frozenset, range, slice, type(None)}
    | {Decimal, date, datetime, time, timedelta, timezone, UUID}
)


def guarded_type(*args: Any) -> type:
    """`type(x)` for plain values, exceptions and the handler's own classes; it never makes a class."""
    if len(args) != 1:
        raise TypeError("type() takes one value here; write a class statement to make a class")
    kind = type(args[0])
    if kind in _PLAIN or kind in _WRITABLE or isinstance(kind, HandlerClass) or issubclass(kind, Exception):
        return kind
    raise TypeError("type() is not available for this value; use isinstance()")


def name_of(ob: object) -> str:
    """`ob.__name__`, of a class or function."""
    if isinstance(ob, type | FunctionType | BuiltinMethodType):
        return ob.__name__
    raise AttributeError(f"a {type(ob).__name__} has no '__name__' here")


_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "+=": operator.iadd,
    "-=": operator.isub,
    "*=": operator.imul,
    "/=": operator.itruediv,
    "%=": operator.imod,
    "**=": operator.ipow,
    "<<=": operator.ilshift,
    ">>=": operator.irshift,
    "|=": operator.ior,
    "^=": operator.ixor,
    "&=": operator.iand,
    "//=": operator.ifloordiv,
    "@=": operator.imatmul,
}


def inplace_variable(symbol: str, old: Any, value: Any) -> Any:
    return _OPERATORS[symbol](old, value)


def inplace_item(ob: Any, key: Any, symbol: str, value: Any) -> None:
    """`ob[key] symbol value`."""
    target = guarded_write(ob)
    target[key] = _OPERATORS[symbol](guarded_getitem(ob, key), value)


def inplace_attribute(ob: Any, name: str, symbol: str, value: Any) -> None:
    """`ob.name symbol value`."""
    old = guarded_getattr(ob, name)
    setattr(guarded_write(ob), name, _OPERATORS[symbol](old, value))


def apply(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """A call with `*` or `**`."""
    for name in kwargs:
        if type(name) is not str or name.startswith("_"):
            raise TypeError("an argument's name must be a string without a leading underscore")
    return function(*args, **kwargs)


def super_attribute(cls: type, ob: Any, name: str) -> Any:
    """`super().name` inside a method of `cls`."""
    if type(cls) is not HandlerClass:
        raise TypeError("super() works in methods only")
    parent = super(cls, ob)
    if name in METHODS:
        return getattr(parent, name)
    return guarded_getattr(parent, name)


_format = SafeFormat(guarded_getattr)
