"""Dataclasses, enums, annotations and patterns: what an ordinary user pastes, and what an attacker makes of it."""

from typing import Any

import pytest

from picloud.sandbox_pool.compile import Refused
from tests.sandbox.restricted import run
from tests.sandbox.test_sandbox_escapes import REFUSED, body

PASTED = """
from __future__ import annotations

import collections.abc
import typing as t
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import Enum, IntEnum, StrEnum, auto, unique
from operator import itemgetter
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, NewType, Optional, TypedDict, TypeVar, Union, cast

if TYPE_CHECKING:
    from typing import Sequence

T = TypeVar("T")
UserId = NewType("UserId", int)
Pair = tuple[int, Optional[str]]
Mode = Union[Literal["r"], None] | None


class Movie(TypedDict, total=False):
    title: str


class Stack(Generic[T]):
    def __init__(self) -> None:
        self.items: list[T] = []


@unique
class Colour(Enum):
    RED = "red"
    BLUE = "blue"

    @property
    def upper(self) -> str:
        return self.value.upper()


class Level(IntEnum):
    LOW = auto()
    HIGH = auto()


class Kind(str, Enum):
    A = "a"


class Op(StrEnum):
    INSERT = auto()


@dataclass(order=True)
class Item:
    limit: ClassVar[int] = 10
    sku: str
    count: int = 1
    tags: list[str] = field(default_factory=list, compare=False)

    def __post_init__(self) -> None:
        self.sku = self.sku.upper()


@dataclass(frozen=True)
class Point:
    x: int
    y: int = 0


def describe(value: Any, *rest: int, **options: Mapping[str, int]) -> str:
    match value:
        case Colour.RED | Colour.BLUE as colour:
            return f"colour {colour.name}"
        case Point(x=0, y=y) | Point(5, y):
            return f"on the axis at {y}"
        case {"op": "insert", "row": [first, *others], **rest} if others:
            return f"insert {first} {len(others)} {sorted(rest)}"
        case str(text) | bytes(text):
            return f"text {len(text)}"
        case -1 | 1.5:
            return "number"
        case [] | None:
            return "nothing"
        case _:
            return "other"


def handler(ctx: Any) -> dict[str, object]:
    items: Iterable[Item] = [Item("b", 2), Item("a", tags=["x"])]
    stack: Stack[int] = Stack()
    stack.items.append(cast(int, UserId(7)))
    return {
        "items": [asdict(item) for item in sorted(items)],
        "repr": repr(items[0]),
        "equal": [Point(1, 2) == Point(1, 2), Point(1) == Point(2), {Point(1): 1}[Point(1)]],
        "replaced": repr(replace(Point(1), y=5)),
        "stack": stack.items,
        "movie": Movie(title="M"),
        "colours": [c.name for c in Colour] + [Colour("red").upper, Colour["BLUE"].value, "red" in Colour, len(Colour)],
        "written": [str(Colour.RED), repr(Level.HIGH), f"{Level.HIGH}", str(Kind.A), Op.INSERT, f"{Op.INSERT}"],
        "compared": [Level.LOW < Level.HIGH, Kind.A == "a", Colour.RED is Colour("red")],
        "abstract": [isinstance({}, Mapping), isinstance(1, Iterable), isinstance([], collections.abc.Sequence)],
        "top": max([{"n": 1}, {"n": 3}], key=itemgetter("n")),
        "matched": [
            describe(Colour.RED),
            describe(Point(0, 4)),
            describe(Point(5, 6)),
            describe({"op": "insert", "row": [1, 2, 3], "more": 1}),
            describe("four"),
            describe(-1),
            describe([]),
            describe(Point(1)),
        ],
    }
"""


def test_pasted_code_runs() -> None:
    result: dict[str, Any] = run(PASTED.replace(", total=False", ""))
    assert result == {
        "items": [{"sku": "A", "count": 1, "tags": ["x"]}, {"sku": "B", "count": 2, "tags": []}],
        "repr": "Item(sku='B', count=2, tags=[])",
        "equal": [True, False, 1],
        "replaced": "Point(x=1, y=5)",
        "stack": [7],
        "movie": {"title": "M"},
        "colours": ["RED", "BLUE", "RED", "blue", True, 2],
        "written": ["Colour.RED", "<Level.HIGH: 2>", "2", "Kind.A", "insert", "insert"],
        "compared": [True, True, True],
        "abstract": [True, False, True],
        "top": {"n": 3},
        "matched": [
            "colour RED",
            "on the axis at 4",
            "on the axis at 6",
            "insert 1 2 ['more']",
            "text 4",
            "number",
            "nothing",
            "other",
        ],
    }


def test_the_name_of_a_class_and_of_a_function() -> None:
    source = """
class Shape:
    def __repr__(self):
        return f"<{type(self).__name__}>"
def handler(ctx):
    try:
        int("x")
    except ValueError as error:
        return [type(error).__name__, handler.__name__, repr(Shape()), len.__name__]
"""
    assert run(source) == ["ValueError", "handler", "<Shape>", "len"]


DATA = "from dataclasses import dataclass, field, asdict, fields, replace\n"
ENUM = "from enum import Enum\nclass E(Enum):\n    A = 1\n"

WRONG = [
    (DATA + "@dataclass\nclass C:\n    x: int\n" + body("return C()"), TypeError, "missing: x"),
    (DATA + "@dataclass\nclass C:\n    x: int\n" + body("return C(1, 2)"), TypeError, "takes 1 positional"),
    (DATA + "@dataclass\nclass C:\n    x: int\n" + body("return C(1, x=2)"), TypeError, "multiple values"),
    (DATA + "@dataclass\nclass C:\n    x: int\n" + body("return C(y=2)"), TypeError, "unexpected keyword argument 'y'"),
    (DATA + "@dataclass\nclass C:\n    x: list = []\n" + body("return C()"), ValueError, "default_factory=list"),
    (DATA + "@dataclass(frozen=True)\nclass C:\n    x: int\n" + body("C(1).x = 2"), AttributeError, "frozen"),
    (DATA + body("return dataclass(int)"), TypeError, "classes that a script defines"),
    (DATA + body("return asdict(1)"), TypeError, "dataclass"),
    (ENUM + body("E.A = 2"), TypeError, "a enum can't be changed"),
    (ENUM + body("E.A.value = 2"), TypeError, "can't be changed"),
    (ENUM + body("return E(3)"), ValueError, "3 is not a valid E"),
    (ENUM + body("return E['B']"), KeyError, "B"),
    (ENUM + "class F(E):\n    B = 2\n" + body("return F.B"), TypeError, "can't be extended"),
    ("from enum import Enum, unique\n@unique\nclass E(Enum):\n    A = 1\n    B = 1\n", ValueError, "duplicate"),
]


@pytest.mark.parametrize(("source", "kind", "message"), WRONG)
def test_mistakes_are_told(source: str, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        run(source if "def handler" in source else source + body("return 1"))


ESCAPES = {
    "a field with an underscore": DATA + "@dataclass\nclass C:\n    __class__: int\n" + body("return C(1)"),
    "fields written by hand": DATA + "@dataclass\nclass C:\n    __fields__ = ('__class__',)\n" + body("return C(1)"),
    "fields annotated by hand": DATA + "@dataclass\nclass C:\n    __fields__: int = 1\n" + body("return C(1)"),
    "a field that is str.format": DATA
    + "@dataclass(init=False)\nclass C(str):\n    format: int\n"
    + body("return asdict(C('{0.__class__}'))['format'](1)"),
    "an enum of dunders": "from enum import Enum\nclass E(Enum):\n    __class__ = 1\n" + body("return E"),
    "an enum's metaclass": ENUM + body("return type(E)"),
    "an enum's insides": ENUM + body("return E._by_name"),
    "a dataclass of an enum": DATA + ENUM + body("return dataclass(E)"),
    "a field that is the class": DATA
    + "class D:\n    secret = 1\n@dataclass\nclass C:\n    __class__: type\n"
    + body("return C(D).secret"),
    "a field that is the attributes": DATA
    + "@dataclass\nclass C:\n    __dict__: dict\n"
    + body("return C({'a': 1}).a"),
    "a change of an abstract class": "from collections import ChainMap\n" + body("return ChainMap.register(int)"),
    "a change of all enums": "from enum import Enum\n" + body("Enum.name = 1"),
    "a change of a hint": "import typing\n" + body("typing.Any.x = 1"),
    "a hint's register": "from collections.abc import Iterable\n" + body("return Iterable.register(int)"),
    "a hint's origin": "from typing import List\n" + body("return List[int].copy_with((int,))"),
    "a change of a Field": DATA + "@dataclass\nclass C:\n    x: int = 1\n" + body("fields(C)[0].name = '__class__'"),
    "attrgetter": "import operator\n" + body("return operator.attrgetter('__class__')(1)"),
    "methodcaller": "import operator\n" + body("return operator.methodcaller('format', 1)('{0.__class__}')"),
    "a pattern reads str.format": body("match '{0.__class__}':\n    case str(format=f):\n        return f(1)"),
    "a pattern reads a frame": body("match (x for x in []):\n    case object(gi_frame=f):\n        return f"),
    "a pattern reads an error's object": body(
        "try:\n    [].x\nexcept AttributeError as e:\n    match e:\n        case AttributeError(obj=o):\n            return o"
    ),
    "a pattern reads register": "import collections\n"
    + body("match 1:\n    case collections.ChainMap.register:\n        return 1"),
    "a pattern reads a class": body("match 1:\n    case object(__class__=c):\n        return c"),
    "a dotted pattern": body("match 1:\n    case handler.__globals__.x:\n        return 1"),
    "a dotted class": body("match 1:\n    case handler.__class__():\n        return 1"),
    "a dotted key": body("match {}:\n    case {handler.__globals__: x}:\n        return 1"),
    "a captured rest": body("match {}:\n    case {**_getattr_}:\n        return 1"),
    "a captured star": body("match []:\n    case [*_getattr_]:\n        return 1"),
    "a captured alternative": body("match 1:\n    case 1 | 2 as _getattr_:\n        return 1"),
    "a dataclass's match arguments": DATA
    + "@dataclass(init=False)\nclass C(AttributeError):\n    obj: int\n"
    + body(
        "try:\n    raise C('x', obj=handler)\nexcept C as e:\n    match e:\n        case C(o):\n            return o"
    ),
    "a pattern's match arguments": "class C:\n    __match_args__ = ('__class__',)\n"
    + body("match C():\n    case C(x):\n        return x"),
}


@pytest.mark.parametrize("source", ESCAPES.values(), ids=ESCAPES.keys())
def test_refused(source: str) -> None:
    with pytest.raises(REFUSED):
        run(source)


def test_class_keywords_are_told() -> None:
    with pytest.raises(Refused, match="class keywords"):
        run(PASTED)
