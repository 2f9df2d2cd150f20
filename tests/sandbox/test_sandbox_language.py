"""The language as its writers meet it: ordinary Python runs unchanged, and a refusal says what to do."""

from pathlib import Path
from typing import Any

import pytest

from picloud.sandbox_pool.code_problem import CodeProblem
from picloud.sandbox_pool.compile import Refused, compile_script
from picloud.sandbox_pool.language import BUILTINS, EXCEPTIONS, MODULES
from picloud.sandbox_pool.language_page import page
from tests.sandbox.restricted import run

PAGE = '''
"""Counts orders: a page of code as anyone would write it."""
from __future__ import annotations

import json
import re
import urllib.parse as parse
from collections import Counter, defaultdict, namedtuple
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from functools import lru_cache, reduce, wraps

Line = namedtuple("Line", "sku amount price")
PATTERN = re.compile(r"(?P<sku>[A-Z]+-\\d+)\\s+x(?P<amount>\\d+)\\s+@(?P<price>[\\d.]+)")
total_calls: int = 0


class BadLine(ValueError):
    def __init__(self, number: int, text: str) -> None:
        super().__init__(f"line {number}: {text!r}")
        self.number = number


class Basket:
    """What somebody buys."""

    currency = "EUR"

    def __init__(self, owner: str, lines: list[Line] | None = None):
        self.owner = owner
        self.lines: list[Line] = lines or []
        self.discount = Decimal("0")

    @property
    def total(self) -> Decimal:
        return sum((line.price * line.amount for line in self.lines), Decimal(0)) - self.discount

    @total.setter
    def total(self, value):
        raise AttributeError("the total is computed")

    @classmethod
    def parse(cls, owner, text):
        basket = cls(owner)
        for number, row in enumerate(text.strip().splitlines(), start=1):
            if not (match := PATTERN.fullmatch(row.strip())):
                raise BadLine(number, row)
            basket.lines.append(Line(match["sku"], int(match["amount"]), Decimal(match["price"])))
        return basket

    @staticmethod
    def label(line):
        return "{0.sku}: {0.amount:>3} at {price:.2f}".format(line, price=line.price)

    def __len__(self):
        return len(self.lines)

    def __iter__(self):
        yield from self.lines

    def __getitem__(self, index):
        return self.lines[index]

    def __contains__(self, sku):
        return any(line.sku == sku for line in self)

    def __str__(self):
        return f"{self.owner}: {self.total:.2f} {self.currency}"

    def __add__(self, other):
        return Basket(self.owner, [*self.lines, *other.lines])


class GiftBasket(Basket):
    def __init__(self, owner, lines=None, *, wrapping="paper"):
        super().__init__(owner, lines)
        self.wrapping = wrapping

    def __str__(self):
        return super().__str__() + f" in {self.wrapping}"


class Timer:
    def __enter__(self):
        self.events = ["enter"]
        return self

    def __exit__(self, kind, error, trace):
        self.events.append("exit" if error is None else type(error) is ZeroDivisionError)
        return error is not None


def counted(function):
    calls = 0

    @wraps(function)
    def wrapper(*args, **kwargs):
        nonlocal calls
        global total_calls
        calls += 1
        total_calls += 1
        return function(*args, **kwargs), calls

    return wrapper


@counted
def add(a, b=1, *rest, **options):
    return a + b + sum(rest) + options.get("extra", 0)


@lru_cache(maxsize=None)
def fibonacci(n):
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)


def pairs(limit):
    try:
        for i in range(limit):
            got = yield i, i * i
            if got:
                yield got
    finally:
        pass


def handler(ctx):
    basket = Basket.parse("ada", "AB-1 x2 @1.50\\nCD-2 x1 @10")
    basket.discount += Decimal("0.5")
    gift = GiftBasket("bob", list(basket), wrapping="silk")
    stock = {"AB-1": {"left": 5}, "list": [1, 2, 3, 4]}
    stock["AB-1"]["left"] -= 2
    stock["list"][1:3] += [9]
    stock["list"][0] **= 2
    del stock["list"][-1]
    seen = defaultdict(list)
    for sku, amount, price in basket:
        seen[sku].append(amount)
    (first, (second, *others)), last = (1, (2, 3, 4)), 5
    counts = Counter("abracadabra")
    counts["z"] += 3
    errors = []
    for text in ("nonsense", "AB-1 x1 @1"):
        try:
            Basket.parse("x", text)
        except BadLine as error:
            errors.append(str(error))
        except (KeyError, TypeError):
            raise
        else:
            errors.append("fine")
        finally:
            errors.append("done")
    with Timer() as timer:
        1 / 0
    walk = pairs(3)
    steps = [next(walk), walk.send("hi"), *walk]
    while True:
        if len(errors) > 2:
            break
    else:
        errors.append("never")
    moment = datetime(2026, 11, 22, 10, tzinfo=timezone.utc) + timedelta(hours=1)
    print("total", basket.total, sep=": ") if False else print("total", basket.total)
    assert "AB-1" in basket and len(basket + basket) == 4
    return {
        "text": str(basket),
        "gift": str(gift),
        "labels": [Basket.label(line) for line in basket],
        "stock": stock,
        "seen": dict(seen),
        "unpacked": [first, second, others, last],
        "top": counts.most_common(2),
        "errors": errors,
        "timer": timer.events,
        "steps": steps,
        "calls": [add(1), add(1, 2, 3, extra=4), add(*[1, 2], **{"extra": 1}), total_calls],
        "fib": fibonacci(30),
        "when": moment.isoformat(),
        "query": parse.urlencode({"a b": "c&d"}),
        "sorted": sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:2],
        "zipped": [list(z) for z in zip("ab", reversed([1, 2]))],
        "mapped": list(map(str.upper, filter(None, ["a", "", "b"]))),
        "product": reduce(lambda a, b: a * b, range(1, 6)),
        "nested": json.loads(json.dumps({"k": [1, {"x": None}]})),
        "comprehension": {k: v for k, v in zip("ab", range(2))},
        "set": sorted({x % 3 for x in range(9)}),
        "chain": 1 < 2 <= 2 != 3,
        "bytes": bytes([65, 66]).decode() + b"c".hex(),
        "type": [type(1) is int, type(basket) == Basket, isinstance(gift, Basket), issubclass(GiftBasket, Basket)],
        "hasattr": [hasattr(basket, "owner"), hasattr(basket, "nothing"), getattr(basket, "nothing", 7)],
        "format": "%05.1f|%s" % (3.14159, "x") + f"|{2:>4}|{'é'!r}|{1_000_000:,}",
    }
'''

EXPECTED = {
    "text": "ada: 12.50 EUR",
    "gift": "bob: 13.00 EUR in silk",
    "labels": ["AB-1:   2 at 1.50", "CD-2:   1 at 10.00"],
    "stock": {"AB-1": {"left": 3}, "list": [1, 2, 3, 9]},
    "seen": {"AB-1": [2], "CD-2": [1]},
    "unpacked": [1, 2, [3, 4], 5],
    "top": [("a", 5), ("z", 3)],
    "errors": ["line 1: 'nonsense'", "done", "fine", "done"],
    "timer": ["enter", True],
    "steps": [(0, 0), "hi", (1, 1), (2, 4)],
    "calls": [(2, 1), (10, 2), (4, 3), 3],
    "fib": 832040,
    "when": "2026-11-22T11:00:00+00:00",
    "query": "a+b=c%26d",
    "sorted": [("a", 5), ("z", 3)],
    "zipped": [["a", 2], ["b", 1]],
    "mapped": ["A", "B"],
    "product": 120,
    "nested": {"k": [1, {"x": None}]},
    "comprehension": {"a": 0, "b": 1},
    "set": [0, 1, 2],
    "chain": True,
    "bytes": "AB63",
    "type": [True, True, True, True],
    "hasattr": [True, False, 7],
    "format": "003.1|x|   2|'é'|1,000,000",
}


def test_a_page_of_ordinary_python_runs_unchanged() -> None:
    printed: list[str] = []
    assert run(PAGE, printed) == EXPECTED
    assert printed == ["total 12.50"]


@pytest.mark.parametrize("operator", ["+=", "-=", "*=", "/=", "//=", "%=", "**=", "<<=", ">>=", "|=", "^=", "&="])
@pytest.mark.parametrize("target", ["x", "d['k']", "o.x"])
def test_augmented_assignment(operator: str, target: str) -> None:
    source = (
        "class C:\n    pass\ndef handler(ctx):\n    x = 12\n    d = {'k': 12}\n    o = C()\n    o.x = 12\n"
        f"    {target} {operator} 3\n    return {target}"
    )
    plain: dict[str, Any] = {}
    exec(source, plain)
    assert run(source) == plain["handler"](None)


def test_augmented_assignment_looks_up_its_target_once() -> None:
    source = (
        "def handler(ctx):\n    asked = []\n    d = {'k': 1}\n    def key():\n        asked.append(1)\n        return 'k'\n"
        "    d[key()] += 1\n    return d, len(asked)"
    )
    assert run(source) == ({"k": 2}, 1)


def problems(source: str, *modules: str) -> list[CodeProblem]:
    with pytest.raises(Refused) as refused:
        compile_script("main", source, frozenset(modules))
    return refused.value.problems


@pytest.mark.parametrize(
    ("source", "line", "column", "message", "hint"),
    [
        ("import requests", 1, 1, "there is no module 'requests'", "ctx.http.get"),
        ("import os\nx = os.environ['KEY']", 1, 1, "there is no module 'os'", "ctx.secrets"),
        ("def handler(ctx):\n    f = open('x')", 2, 9, "`open` doesn't exist here", "ctx.kv"),
        ("async def handler(ctx):\n    pass", 1, 1, "async functions don't exist here", "write `def`"),
        ("class A:\n    def f(self):\n        self._x = 1", 3, 9, "'_x' starts with an underscore", "without it"),
        ("if __name__ == '__main__':\n    pass", 1, 4, "'__name__' is not available here", "handler(ctx) is called"),
        (
            "class C:\n    def kind(self):\n        return self.__class__.__name__",
            3,
            16,
            "'__class__' is not",
            "type(value)",
        ),
        ("def f(pair):\n    return pair._asdict()", 2, 12, "'_asdict' is not available here", "@dataclass"),
        ("import csv", 1, 1, "there is no module 'csv'", "split the lines"),
        ("from flask import Flask", 1, 1, "there is no module 'flask'", "def handler(ctx)"),
        ("try:\n    pass\nexcept* ValueError:\n    pass", 1, 1, "`except*` is not available", "write `except`"),
        ("from json import *", 1, 1, "`import *` is not available", "name what you need"),
        ("from json import JSONEncoder", 1, 1, "json has no 'JSONEncoder' here", "dumps"),
        ("x = eval('1')", 1, 5, "text can't be run as code", "module script"),
        ("import logging", 1, 1, "there is no module 'logging'", "ctx.log"),
        ("from . import tools", 1, 1, "relative imports are not available", "by their names"),
        ("def f(:\n    pass", 1, 7, "syntax error: invalid syntax", ""),
        ("if x:\ny = 2", 2, 1, "syntax error: expected an indented block", ""),
        ("é = 'ü'; x = open", 1, 14, "`open` doesn't exist here", ""),
        ("return 1", 1, 1, "syntax error: 'return' outside function", ""),
    ],
)
def test_first_mistakes(source: str, line: int, column: int, message: str, hint: str) -> None:
    first = problems(source)[0]
    assert message in first.message
    assert hint in first.hint
    assert (first.line, first.column) == (line, column)


def test_unknown_imports_list_what_exists() -> None:
    (problem,) = problems("import nothing", "tools", "helpers")
    assert all(name in problem.hint for name in MODULES)
    assert "this app's modules: helpers, tools" in problem.hint


def test_all_problems_are_told_up_to_a_limit() -> None:
    found = problems("import os\nimport sys\nx = open\n")
    assert [problem.line for problem in found] == [1, 2, 3]
    assert len(problems("\n".join(f"x{n} = _a{n}" for n in range(100)))) == 20


@pytest.mark.parametrize(
    "source", ["x = " + "(" * 300 + ")" * 300, "x" + "+x" * 20_000, "-" * 20_000 + "1", "[" * 50_000]
)
def test_deep_nesting_is_a_problem_not_a_crash(source: str) -> None:
    assert problems(source)


def test_an_own_name_may_be_one_of_pythons() -> None:
    assert run("def input(x):\n    return x\ndef handler(ctx):\n    return input(3)") == 3


@pytest.mark.parametrize("module", MODULES)
def test_every_module_can_be_imported_and_is_frozen(module: str) -> None:
    assert run(f"import {module} as m\ndef handler(ctx):\n    return m") is not None
    with pytest.raises(TypeError):
        run(f"import {module} as m\ndef handler(ctx):\n    m.x = 1")


@pytest.mark.parametrize("name", [*BUILTINS, *EXCEPTIONS, "getattr", "hasattr", "setattr", "delattr", "type", "format"])
def test_every_builtin_is_there(name: str) -> None:
    assert callable(run(f"def handler(ctx):\n    return {name}"))


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("sorted([3, 1, 2], reverse=True)", [3, 2, 1]),
        ("list(zip([1, 2], 'ab', strict=True))", [(1, "a"), (2, "b")]),
        ("tuple(x for x in [1])", (1,)),
        ("bytes([1, 2])", b"\x01\x02"),
        ("list(reversed([1, 2]))", [2, 1]),
        ("list(enumerate('a', 1))", [(1, "a")]),
        ("list(map(lambda a, b: a + b, [1], [2]))", [3]),
        ("list(filter(lambda x: x > 1, [1, 2]))", [2]),
        ("max([1, 3], key=lambda x: -x)", 1),
        ("sum([[1], [2]], [])", [1, 2]),
        ("isinstance((), tuple) and isinstance(b'', bytes)", True),
        ("dict.fromkeys('ab', 0)", {"a": 0, "b": 0}),
        ("'x'.join(['a', 'b']).replace('x', '-').title()", "A-B"),
        ("int.from_bytes(b'\\x01\\x00', 'big')", 256),
        ("[*range(3), *'ab']", [0, 1, 2, "a", "b"]),
        ("{**{'a': 1}, 'b': 2}", {"a": 1, "b": 2}),
        ("(lambda *a, k=1, **kw: (a, k, kw))(1, k=2, z=3)", ((1,), 2, {"z": 3})),
    ],
)
def test_builtins_work(expression: str, expected: object) -> None:
    assert run(f"def handler(ctx):\n    return {expression}") == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("from datetime import datetime\nx = datetime.strptime('2026', '%Y').strftime('%y')", "26"),
        ("from datetime import datetime\nx = (datetime.utcnow() - datetime.now()).days in (-1, 0)", True),
        ("import math\nx = math.floor(math.pi)", 3),
        ("import hashlib\nx = hashlib.sha256(b'a').hexdigest()[:8]", "ca978112"),
        ("import hmac\nx = hmac.new(b'k', b'm', 'sha256').hexdigest()[:8]", "b60090e3"),
        ("import base64\nx = base64.b64encode(b'a')", b"YQ=="),
        ("import statistics\nx = statistics.mean([1, 2, 3])", 2),
        ("import string\nx = string.Template('$a').substitute(a=1)", "1"),
        ("import itertools\nx = list(itertools.chain([1], [2]))", [1, 2]),
        ("import uuid\nx = str(uuid.UUID(int=1))[-1]", "1"),
        ("import textwrap\nx = textwrap.dedent('  a')", "a"),
        ("import html\nx = html.escape('<')", "&lt;"),
        ("import secrets\nx = len(secrets.token_hex(4))", 8),
        ("import zlib\nx = zlib.decompress(zlib.compress(b'a'))", b"a"),
        ("import time\nx = time.strptime('2026', '%Y').tm_year", 2026),
        ("import re\nx = re.sub('a', lambda m: m[0].upper(), 'banana', flags=re.I)", "bAnAnA"),
        ("import urllib\nx = urllib.parse.urlsplit('http://a/b?c').path", "/b"),
        ("from functools import total_ordering\nx = total_ordering is not None", True),
    ],
)
def test_modules_work(source: str, expected: object) -> None:
    assert run(source + "\ndef handler(ctx):\n    return x") == expected


def test_the_reference_page_is_what_the_tables_say() -> None:
    written = Path(__file__).parents[2] / "docs" / "reference" / "handler-language.md"
    assert written.read_text() == page(), "python -m tests.sandbox.write_language_page"
