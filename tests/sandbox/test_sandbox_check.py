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
