"""`dataclasses` for handlers: the same decorator, without the source code that Python's own builds and runs.

Annotations are dropped at upload; the names that they declare come as `__fields__` of the class, which only the compiler
can write. Attributes are read by the guards, because a field may be named like a method of the class's base.
"""

from collections.abc import Callable
from itertools import takewhile
from typing import Any

from picloud.sandbox_pool.guards import UNMATCHABLE, HandlerClass, guarded_getattr, guarded_write

_SPEC = "__data_fields__"
_MISSING: Any = type("MISSING", (), {"__repr__": lambda self: "MISSING", "__slots__": ()})()
_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "__lt__": lambda a, b: a < b,
    "__le__": lambda a, b: a <= b,
    "__gt__": lambda a, b: a > b,
    "__ge__": lambda a, b: a >= b,
}


class FrozenInstanceError(AttributeError):
    """An attribute of a frozen dataclass was assigned to."""


class Field:
    """What `field()` gives, and `fields()` tells."""

    __slots__ = ("compare", "default", "default_factory", "init", "kw_only", "name", "repr")

    def __init__(
        self, default: Any, default_factory: Any, init: bool, repr: bool, compare: bool, kw_only: bool
    ) -> None:
        self.name = ""
        self.default = default
        self.default_factory = default_factory
        self.init = init
        self.repr = repr
        self.compare = compare
        self.kw_only = kw_only


def field(
    *,
    default: Any = _MISSING,
    default_factory: Any = _MISSING,
    init: bool = True,
    repr: bool = True,
    compare: bool = True,
    kw_only: bool = False,
) -> Any:
    if default is not _MISSING and default_factory is not _MISSING:
        raise ValueError("cannot specify both default and default_factory")
    return Field(default, default_factory, init, repr, compare, kw_only)


def dataclass(
    cls: Any = None,
    /,
    *,
    init: bool = True,
    repr: bool = True,
    eq: bool = True,
    order: bool = False,
    frozen: bool = False,
    kw_only: bool = False,
    slots: bool = False,
) -> Any:
    """`slots` is taken and does nothing."""

    def decorate(cls: Any) -> Any:
        if type(cls) is not HandlerClass:
            raise TypeError("@dataclass is for classes that a script defines")
        fields = _collect(guarded_write(cls), kw_only)
        methods: dict[str, Any] = {"__match_args__": _match_args(fields)}
        if init:
            methods["__init__"] = _init(cls, fields)
        if repr:
            methods["__repr__"] = _repr(fields)
        if eq:
            methods |= _equality(cls, fields, frozen)
        if order:
            methods |= {name: _comparison(fields, compare) for name, compare in _ORDER.items()}
        if frozen:
            methods |= {"__setattr__": _refuse, "__delattr__": _refuse}
        for name, method in methods.items():
            if name not in cls.__dict__ or (name == "__hash__" and cls.__dict__[name] is None):
                setattr(cls, name, method)
        setattr(cls, _SPEC, fields)
        return cls

    return decorate if cls is None else decorate(cls)


def is_dataclass(ob: Any) -> bool:
    return hasattr(ob if isinstance(ob, type) else type(ob), _SPEC)


def fields(ob: Any) -> tuple[Field, ...]:
    if not is_dataclass(ob):
        raise TypeError("fields() takes a dataclass or an instance of one")
    found: dict[str, Field] = getattr(ob, _SPEC)
    return tuple(found.values())


def asdict(ob: Any) -> dict[str, Any]:
    return {each.name: _plain(guarded_getattr(ob, each.name), asdict) for each in _of_instance(ob)}


def astuple(ob: Any) -> tuple[Any, ...]:
    return tuple(_plain(guarded_getattr(ob, each.name), astuple) for each in _of_instance(ob))


def replace(ob: Any, /, **changes: Any) -> Any:
    kept = {each.name: guarded_getattr(ob, each.name) for each in _of_instance(ob) if each.init}
    return type(ob)(**{**kept, **changes})


def _of_instance(ob: Any) -> tuple[Field, ...]:
    if isinstance(ob, type):
        raise TypeError("this takes an instance of a dataclass, not the class")
    return fields(ob)


def _plain(value: Any, convert: Callable[[Any], Any]) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return convert(value)
    if type(value) in (list, tuple):
        return type(value)(_plain(inner, convert) for inner in value)
    if isinstance(value, dict):
        return {key: _plain(inner, convert) for key, inner in value.items()}
    return value


def _collect(cls: Any, kw_only: bool) -> dict[str, Field]:
    found: dict[str, Field] = {}
    for base in reversed(cls.__mro__[1:]):
        found |= base.__dict__.get(_SPEC, {})
    for name in cls.__dict__.get("__fields__", ()):
        default = cls.__dict__.get(name, _MISSING)
        each = default if isinstance(default, Field) else Field(default, _MISSING, True, True, True, False)
        if isinstance(each.default, list | dict | set):
            raise ValueError(
                f"mutable default for field {name}: use field(default_factory={type(each.default).__name__})"
            )
        each.name = name
        each.kw_only = each.kw_only or kw_only
        found[name] = each
        if isinstance(default, Field):
            delattr(cls, name)
            if each.default is not _MISSING:
                setattr(cls, name, each.default)
    return found


def _init(cls: Any, fields: dict[str, Field]) -> Callable[..., None]:
    positional = [each.name for each in fields.values() if each.init and not each.kw_only]
    known = {each.name for each in fields.values() if each.init}
    title = f"{cls.__name__}()"

    def __init__(self: Any, /, *args: Any, **kwargs: Any) -> None:
        if len(args) > len(positional):
            raise TypeError(f"{title} takes {len(positional)} positional arguments but {len(args)} were given")
        given = dict(zip(positional, args, strict=False))
        for name in kwargs:
            if name in given or name not in known:
                problem = "multiple values for" if name in given else "an unexpected keyword"
                raise TypeError(f"{title} got {problem} argument {name!r}")
        given |= kwargs
        if missing := [name for name in known if name not in given and not _has_default(fields[name])]:
            raise TypeError(f"{title} missing: {', '.join(sorted(missing))}")
        for each in fields.values():
            _fill(self, each, given)
        if (after := getattr(self, "__post_init__", None)) is not None:
            after()

    return __init__


def _has_default(each: Field) -> bool:
    return each.default is not _MISSING or each.default_factory is not _MISSING


def _fill(ob: Any, each: Field, given: dict[str, Any]) -> None:
    if each.name in given:
        object.__setattr__(ob, each.name, given[each.name])
    elif each.default_factory is not _MISSING:
        object.__setattr__(ob, each.name, each.default_factory())
    elif each.default is not _MISSING:
        object.__setattr__(ob, each.name, each.default)


def _values(ob: Any, fields: dict[str, Field]) -> tuple[Any, ...]:
    return tuple(guarded_getattr(ob, each.name) for each in fields.values() if each.compare)


def _repr(fields: dict[str, Field]) -> Callable[[Any], str]:
    def __repr__(self: Any) -> str:
        shown = (f"{each.name}={guarded_getattr(self, each.name)!r}" for each in fields.values() if each.repr)
        return f"{type(self).__name__}({', '.join(shown)})"

    return __repr__


def _equality(cls: Any, fields: dict[str, Field], frozen: bool) -> dict[str, Any]:
    def __eq__(self: Any, other: Any) -> Any:
        return _values(self, fields) == _values(other, fields) if type(other) is type(self) else NotImplemented

    def __hash__(self: Any) -> int:
        return hash(_values(self, fields))

    return {"__eq__": __eq__, "__hash__": __hash__ if frozen else None}


def _match_args(fields: dict[str, Field]) -> tuple[str, ...]:
    """The fields that a pattern may read by their place; those after one that it may not read have none."""
    positional = (each.name for each in fields.values() if each.init and not each.kw_only)
    return tuple(takewhile(lambda name: name not in UNMATCHABLE, positional))


def _comparison(fields: dict[str, Field], compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], Any]:
    def method(self: Any, other: Any) -> Any:
        return compare(_values(self, fields), _values(other, fields)) if type(other) is type(self) else NotImplemented

    return method


def _refuse(ob: Any, name: str, *value: Any) -> None:
    raise FrozenInstanceError(f"cannot change field {name!r}: the dataclass is frozen")
