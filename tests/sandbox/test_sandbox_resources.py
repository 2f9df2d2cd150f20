"""Ways to eat a machine in a few words of the handler language: each ends at a limit, and the next event is fine."""

import pytest

from picloud.sandbox_pool.limits import MIB, Limits
from picloud.sandbox_pool.outcome import Status
from tests.sandbox.kit import RunScript

LIMITS = Limits(cpu_ms=300, wall_ms=60_000, memory_bytes=32 * MIB)

HUNGRY = {
    "a regular expression": ("import re\nreturn re.match('(a+)+$', 'a' * 40 + 'b')", "cpu"),
    "a power": ("return 7 ** 10**8 > 1", "cpu"),
    "permutations": ("import itertools\nreturn sum(1 for _ in itertools.permutations(range(15)))", "cpu"),
    "colliding hashes": ("return len({x * (2**61 - 1): 1 for x in range(50_000)})", "cpu"),
    "a key derivation": ("import hashlib\nreturn hashlib.pbkdf2_hmac('sha256', b'x', b'y', 10**9)", "cpu"),
    "a bare except": (
        "while True:\n    try:\n        while True:\n            pass\n    except:\n        pass",
        "cpu",
    ),
    "an endless finally": ("try:\n    while True:\n        pass\nfinally:\n    while True:\n        pass", "cpu"),
    "a shift": ("return (1 << 10**10) > 1", "memory"),
    "a decimal": ("from decimal import Decimal\nreturn int(Decimal('1e1000000000'))", "memory"),
    "a decimal's precision": (
        "from decimal import Decimal, getcontext\ngetcontext().prec = 10**9\nreturn Decimal(1) / 3",
        "memory",
    ),
    "bytes": ("return len(b'x' * 10**10)", "memory"),
    "a list": ("return len(list(range(10**9)))", "memory"),
    "a comprehension": ("return len([[0] * 1000 for _ in range(10**6)])", "memory"),
    "an endless iterator": ("import itertools\nreturn list(itertools.count())", "memory"),
    "a product": ("import itertools\nreturn len(list(itertools.product(range(100), repeat=8)))", "memory"),
    "a replacement": ("return len(('a' * 10**6).replace('a', 'b' * 10**6))", "memory"),
    "a format's width": ("return '{:>1000000000}'.format(1)", "memory"),
    "a nested format's width": ("w = 10**9\nreturn f'{1:>{w}}'", "memory"),
    "random bytes": ("import secrets\nreturn secrets.token_bytes(10**10)", "memory"),
    "a bomb of zeros": (
        "import zlib\nx = zlib.compress(bytes(10**7))\nreturn len([zlib.decompress(x) for _ in range(99)])",
        "memory",
    ),
    "recursion": ("def f(n):\n    return f(n + 1)\nreturn f(0)", "error"),
    "a comparison of nests": ("x, y = [], []\nfor _ in range(10**4):\n    x, y = [x], [y]\nreturn x == y", "error"),
    "a giant number as text": ("return str(7 ** 10_000)", "error"),
    "a giant number as result": ("return 10 ** 5_000", "error"),
    "deep JSON": ("import json\nreturn len(json.loads('[' * 10**5))", "error"),
    "an endless result": ("import itertools\nreturn itertools.count()", "error"),
    "a result that contains itself": ("x = {}\nx['x'] = x\nreturn x", "error"),
    "keys that JSON can't say": ("return {(1, 2): 3}", "error"),
    "a large message": ("raise ValueError('x' * 10**7)", "error"),
    "prints that print": (
        "class A:\n    def __str__(self):\n        print(self)\n        return ''\nprint(A())",
        "error",
    ),
}

HOSTILE_CLASSES = {
    "items without an end": (
        "class D(dict):\n    def items(self):\n        while True:\n            yield 1\n",
        "D(a=1)",
        "memory",
    ),
    "items that are none": ("class D(dict):\n    def items(self):\n        return 5\n", "D(a=1)", "error"),
    "a number that isn't one": ("class I(int):\n    def __repr__(self):\n        return '}{'\n", "I(3)", "ok"),
}


def handler(lines: str) -> str:
    return "def handler(ctx):\n" + "\n".join(f"    {line}" for line in lines.splitlines())


@pytest.mark.parametrize(("lines", "status"), HUNGRY.values(), ids=HUNGRY.keys())
def test_hungry(run: RunScript, lines: str, status: str) -> None:
    assert run(handler(lines), limits=LIMITS).status == status
    assert run(handler("return 1")).status is Status.ok


@pytest.mark.parametrize(("definition", "value", "status"), HOSTILE_CLASSES.values(), ids=HOSTILE_CLASSES.keys())
def test_a_result_of_a_hostile_class(run: RunScript, definition: str, value: str, status: str) -> None:
    assert run(definition + handler(f"return {value}"), limits=LIMITS).status == status


@pytest.mark.parametrize("method", ["__str__", "__repr__"])
def test_an_exception_whose_text_never_ends(run: RunScript, method: str) -> None:
    source = f"class E(Exception):\n    def {method}(self):\n        while True:\n            pass\n" + handler(
        "raise E()"
    )
    assert run(source, limits=LIMITS).status == ("cpu" if method == "__str__" else "error")
