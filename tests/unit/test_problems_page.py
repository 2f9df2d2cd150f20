"""docs/reference/problems.md explains every `code` that a problem may have, and no other."""

import ast
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

import picloud
from picloud.domain.errors import PicloudError

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "problems.md"


def error_classes() -> set[type[PicloudError]]:
    """The whole hierarchy. `picloud.views` and what it uses defines all of it."""
    for module in walk_packages(picloud.__path__, "picloud."):
        if module.name.startswith(("picloud.domain", "picloud.services", "picloud.security", "picloud.views")):
            import_module(module.name)
    found: set[type[PicloudError]] = set()
    waiting = [PicloudError]
    while waiting:
        kind = waiting.pop()
        found.add(kind)
        waiting += kind.__subclasses__()
    return found


def codes_in_calls(names: set[str]) -> Iterator[tuple[str, str]]:
    """The class and the code wherever an error is made with a code of its own."""
    for path in (ROOT / "picloud").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                function = node.func
                name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
                codes = [word.value for word in node.keywords if word.arg == "code"]
                for code in codes if name in names else ():
                    if isinstance(code, ast.Constant) and code.value is not None:
                        yield name, code.value


def used() -> dict[str, set[int]]:
    """The statuses of every code."""
    classes = {kind.__name__: kind for kind in error_classes()}
    found: dict[str, set[int]] = {}
    for kind in classes.values():
        found.setdefault(kind.code, set()).add(kind.status)
    for name, code in codes_in_calls(set(classes)):
        found.setdefault(code, set()).add(classes[name].status)
    return found


def explained() -> dict[str, set[int]]:
    found = {}
    for heading in re.finditer(r"^### `(\w+)`\n\n(\d[\d, ]*|As the handler says)\. \S", PAGE.read_text(), re.MULTILINE):
        found[heading[1]] = {int(status) for status in re.findall(r"\d+", heading[2])}
    return found


def test_the_page_and_the_errors_are_equal() -> None:
    expected = used() | {"handler_aborted": set()}
    assert explained() == expected


def test_codes_are_in_order() -> None:
    headings = re.findall(r"^### `(\w+)`$", PAGE.read_text(), re.MULTILINE)
    assert headings == sorted(headings)
    assert len(headings) > 20
