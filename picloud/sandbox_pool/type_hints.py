"""`typing` and `collections.abc` for handlers: names for annotations, which are dropped, and for `isinstance`.

Python's own lead to the classes behind them, whose `register` would change what the next event sees.
"""

import collections.abc
from collections.abc import Callable
from typing import Any

from picloud.sandbox_pool.words import words


class Hint:
    """Stands for a type: can be subscripted, joined by `|`, inherited from (which adds `base`), and asked about."""

    __slots__ = ("_base", "_kind", "_name")

    def __init__(self, name: str, kind: type | None = None, base: type | None = None) -> None:
        self._name = name
        self._kind = kind
        self._base = base

    def __getitem__(self, key: object) -> "Hint":
        return self

    def __or__(self, other: object) -> "Hint":
        return self

    __ror__ = __or__

    def __repr__(self) -> str:
        return self._name

    def __instancecheck__(self, value: object) -> bool:
        if self._kind is None:
            raise TypeError(f"isinstance() can't tell {self._name}")
        return isinstance(value, self._kind)

    def __mro_entries__(self, bases: tuple[object, ...]) -> tuple[type, ...]:
        return () if self._base is None else (self._base,)


def _cast(kind: object, value: Any) -> Any:
    return value


def _type_var(name: str, *bounds: object, **options: object) -> Hint:
    return Hint(name)


def _new_type(name: str, kind: object) -> Callable[[Any], Any]:
    return lambda value: value


ABSTRACT: dict[str, object] = {
    name: Hint(name, getattr(collections.abc, name))
    for name in words(
        "Callable Collection Container Generator Hashable Iterable Iterator Mapping MutableMapping MutableSequence "
        "MutableSet Reversible Sequence Set Sized"
    )
}
"""`collections.abc`."""

TYPING: dict[str, object] = {
    **{name: value for name, value in ABSTRACT.items() if name != "Set"},
    **{
        name: Hint(name, kind)
        for name, kind in (
            *(("Dict", dict), ("FrozenSet", frozenset), ("List", list), ("Set", set), ("Tuple", tuple), ("Type", type)),
        )
    },
    **{
        name: Hint(name)
        for name in words(
            "Annotated Any AnyStr ClassVar Final Generic Literal LiteralString Never NoReturn NotRequired Optional "
            "Protocol Required Self Text TypeAlias Union"
        )
    },
    "TypedDict": Hint("TypedDict", base=dict),
    "TYPE_CHECKING": False,
    "NewType": _new_type,
    "TypeVar": _type_var,
    "cast": _cast,
}
"""`typing`."""
