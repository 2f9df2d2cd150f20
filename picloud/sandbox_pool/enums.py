"""`enum` for handlers: names for values, without the flags and hooks of Python's own."""

import types
from collections.abc import Iterator
from typing import Any

from picloud.sandbox_pool.guards import HandlerClass

_METHODS = (types.FunctionType, property, classmethod, staticmethod)
_MIXINS = (str, int, float)


class auto:
    """The next number; in a StrEnum, the name in lower case."""

    __slots__ = ()


class EnumClass(HandlerClass):
    """The class of an enum: its public values become members, each of them once."""

    _by_name: dict[str, Any]

    def __new__(mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **kwargs: Any) -> "EnumClass":
        values = {key: v for key, v in namespace.items() if key[0] != "_" and not isinstance(v, _METHODS)}
        cls: Any = super().__new__(mcs, name, bases, {k: v for k, v in namespace.items() if k not in values}, **kwargs)
        if any(isinstance(base, EnumClass) and base._by_name for base in cls.__mro__[1:]):
            raise TypeError("an enum with members can't be extended")
        type.__setattr__(cls, "_by_name", {})
        if len(bases) != 1:  # Enum itself, or a text or number that would be written as such
            for key, method in _SHOWN.items():
                if key not in namespace:
                    type.__setattr__(cls, key, method)
        for key, value in values.items():
            _add(cls, key, value)
        return cls  # type: ignore[no-any-return]

    def __setattr__(cls, name: str, value: object) -> None:
        raise AttributeError("an enum can't be changed")

    def __delattr__(cls, name: str) -> None:
        raise AttributeError("an enum can't be changed")

    def __call__(cls, value: Any) -> Any:
        """The member of that value."""
        for member in cls._by_name.values():
            if member is value or member._value_ == value:
                return member
        raise ValueError(f"{value!r} is not a valid {cls.__name__}")

    def __getitem__(cls, name: str) -> Any:
        return cls._by_name[name]

    def __iter__(cls) -> Iterator[Any]:
        return iter(dict.fromkeys(cls._by_name.values()))

    def __len__(cls) -> int:
        return len(set(map(id, cls._by_name.values())))

    def __contains__(cls, value: object) -> bool:
        return any(member is value or member._value_ == value for member in cls._by_name.values())

    def __repr__(cls) -> str:
        return f"<enum {cls.__name__!r}>"


def _add(cls: Any, name: str, value: Any) -> None:
    if isinstance(value, auto):
        value = _next(cls, name)
    for known in cls._by_name.values():
        if known._value_ == value and type(known._value_) is type(value):
            member = known
            break
    else:
        kind = next((kind for kind in _MIXINS if issubclass(cls, kind)), None)
        member = object.__new__(cls) if kind is None else kind.__new__(cls, value)
        member._name_, member._value_ = name, value
    cls._by_name[name] = member
    type.__setattr__(cls, name, member)


def _next(cls: Any, name: str) -> Any:
    if issubclass(cls, str):
        return name.lower()
    numbers = [member._value_ for member in cls._by_name.values() if isinstance(member._value_, int)]
    return max(numbers, default=0) + 1


def _repr(member: Any) -> str:
    return f"<{type(member).__name__}.{member._name_}: {member._value_!r}>"


def _str(member: Any) -> str:
    return f"{type(member).__name__}.{member._name_}"


_SHOWN: dict[str, Any] = {
    "__repr__": _repr,
    "__str__": _str,
    "__format__": lambda member, spec: format(str(member), spec),
}


class Enum(metaclass=EnumClass):
    """`name` and `value` of a member can be read; nothing can be changed."""

    @property
    def name(self: Any) -> Any:
        return self._name_

    @property
    def value(self: Any) -> Any:
        return self._value_


class IntEnum(int, Enum):
    """Its members are numbers, and are written so."""

    __str__ = int.__repr__


class StrEnum(str, Enum):
    """Its members are texts, and are written so."""

    __str__ = str.__str__


def unique(cls: Any) -> Any:
    """Raises ValueError where two names of `cls` stand for one value."""
    if isinstance(cls, EnumClass) and len(cls) != len(cls._by_name):
        raise ValueError(f"duplicate values in {cls!r}")
    return cls
