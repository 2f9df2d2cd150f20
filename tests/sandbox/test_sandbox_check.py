"""The check at upload: in a throw-away worker, with the place of every problem."""

import pytest

from picloud.sandbox_pool.pool import Pool


def test_a_good_script_has_no_problems(pool: Pool) -> None:
    assert pool.check("main", "import tools\ndef handler(ctx):\n    return tools.x", ["tools"]) == []
    assert pool.check("empty", "", []) == []


def test_problems_have_line_column_and_a_hint(pool: Pool) -> None:
    first, second = pool.check("main", "import os\n\n\nx = open('f')\n", ["tools"])
    assert (first.line, first.column, first.message) == (1, 1, "there is no module 'os'")
    assert "this app's modules: tools" in first.hint
    assert (second.line, second.column, second.message) == (4, 5, "`open` doesn't exist here")


def test_a_script_cannot_import_itself(pool: Pool) -> None:
    (problem,) = pool.check("tools", "import tools", ["tools"])
    assert problem.message == "there is no module 'tools'"


@pytest.mark.parametrize(
    "source",
    [
        "x = " + "(" * 5_000 + ")" * 5_000,
        "x = " + "-" * 100_000 + "1",
        "x = " + "a." * 100_000 + "b",
        "x = " + " + ".join(["a"] * 100_000),
        "if a:\n  b\n" + "".join(f"elif a{n}:\n  b\n" for n in range(20_000)),
        "x = " + "[" * 300_000,
        "x = 9" + "9" * 100_000,
        "\0",
        "\ud800",
        "x = '\ud800'",
    ],
    ids=["brackets", "minus", "attributes", "sum", "elif", "open", "digits", "nul", "surrogate", "surrogate text"],
)
def test_what_breaks_compilers_is_a_problem(pool: Pool, source: str) -> None:
    assert pool.check("main", source, [])
    assert pool.check("main", "x = 1", []) == []


def test_a_megabyte_of_plain_code_is_fine(pool: Pool) -> None:
    source = "".join(f"def f{n}(a, b):\n    return a + b * {n}\n" for n in range(20_000))
    assert len(source) > 800_000
    assert pool.check("main", source, []) == []


def test_a_flood_of_flat_lines_is_called_large(pool: Pool) -> None:
    (problem,) = pool.check("main", "x=1\n" * 240_000, [])
    assert problem.message == "the script is too large to compile"
    assert problem.hint == "split it into modules and smaller functions"


def test_deep_nesting_is_called_deep(pool: Pool) -> None:
    (problem,) = pool.check("main", "x = " + " + ".join(["a"] * 5_000), [])
    assert problem.message == "the script is nested too deeply"


@pytest.mark.parametrize("name", ["random", "json", "urllib", "urllib.parse"])
def test_a_script_cannot_hide_a_module(pool: Pool, name: str) -> None:
    (problem,) = pool.check(name, "x = 1", [])
    assert problem.message == f"a script can't be named like a module that handlers import: {name}"


NO_HANDLER = "there is no function handler(ctx)"
NOT_A_FUNCTION = "`handler` is not a function"
ONE_ARGUMENT = "`handler` must take one argument, the event's ctx"


@pytest.mark.parametrize(
    ("source", "line", "column", "message"),
    [
        ("", 1, 1, NO_HANDLER),
        ("x=1", 1, 1, NO_HANDLER),
        ("def handle(ctx):\n    handler = print", 1, 1, NO_HANDLER),
        ("class A:\n    def handler(ctx):\n        return 1", 1, 1, NO_HANDLER),
        ("print(handler)", 1, 1, NO_HANDLER),
        ("\nhandler = 5", 2, 1, NOT_A_FUNCTION),
        ("handler = None", 1, 1, NOT_A_FUNCTION),
        ("handler: dict = {'a': 1}", 1, 1, NOT_A_FUNCTION),
        ("x = 'é'; handler = [print]", 1, 10, NOT_A_FUNCTION),
        ("\n\ndef handler():\n    pass", 3, 1, ONE_ARGUMENT),
        ("def handler(ctx, other):\n    pass", 1, 1, ONE_ARGUMENT),
        ("def handler(*, ctx):\n    pass", 1, 1, ONE_ARGUMENT),
        ("def handler(ctx, *, more):\n    pass", 1, 1, ONE_ARGUMENT),
        ("def handler(**all):\n    pass", 1, 1, ONE_ARGUMENT),
        ("if True:\n    handler = lambda: 1", 2, 5, ONE_ARGUMENT),
    ],
)
def test_an_endpoint_needs_a_handler_and_a_module_does_not(
    pool: Pool, source: str, line: int, column: int, message: str
) -> None:
    (problem,) = pool.check("main", source, [], endpoint=True)
    assert problem == (line, column, message, "def handler(ctx):")
    assert pool.check("main", source, []) == []


@pytest.mark.parametrize(
    "source",
    [
        "def handler(ctx):\n    return 1",
        "def handler(event, /):\n    return 1",
        "def handler(ctx, more=1, *rest, key=2, **all):\n    return 1",
        "def handler(ctx=None, more=None):\n    return 1",
        "def handler(*args):\n    return 1",
        "def once(f):\n    return lambda ctx: f()\n@once\ndef handler():\n    return 1",
        "handler = lambda ctx: 1",
        "def main(ctx):\n    return 1\nhandler = main",
        "def main(ctx):\n    return 1\nother = handler = main",
        "def main(ctx):\n    return 1\nhandler, x = main, 1",
        "from functools import partial\nhandler = partial(print, 1)",
        "from tools import handler",
        "from tools import work as handler",
        "import tools as handler",
        "if len('a'):\n    def handler(ctx):\n        return 1\nelse:\n    handler = None",
        "handler = None\ntry:\n    def handler(ctx):\n        return 1\nfinally:\n    pass",
        "handler = None\ndef choose():\n    global handler\n    handler = print\nchoose()",
        "class handler:\n    def __init__(self, ctx):\n        pass",
    ],
)
def test_what_may_be_a_handler_is_one(pool: Pool, source: str) -> None:
    assert pool.check("main", source, ["tools"], endpoint=True) == []


def test_other_problems_come_with_that_of_the_handler(pool: Pool) -> None:
    messages = [problem.message for problem in pool.check("main", "import os\nx = 1", [], endpoint=True)]
    assert messages == ["there is no module 'os'", NO_HANDLER]
