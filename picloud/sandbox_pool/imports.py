"""`import`: what a script may name (checked at upload), and what it gets (at run time)."""

import ast
from collections.abc import Callable, Iterator, Mapping
from types import CodeType
from typing import Any

from picloud.sandbox_pool.facades import FACADES, exported
from picloud.sandbox_pool.language import module_hint


def import_problems(node: ast.Import | ast.ImportFrom, own: frozenset[str]) -> Iterator[tuple[str, str]]:
    """(message, hint) for everything that `node` names and that doesn't exist. `own`: the app's modules."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            if alias.name not in FACADES and alias.name not in own:
                yield f"there is no module {alias.name!r}", module_hint(alias.name, own)
        return
    if node.level:
        yield (
            "relative imports are not available",
            "import the app's modules by their names: from tools import helper",
        )
        return
    name = node.module or ""
    if name in own:
        return
    if name not in FACADES:
        yield f"there is no module {name!r}", module_hint(name, own)
        return
    for alias in node.names:
        if alias.name not in exported(name) and alias.name != "*":
            yield f"{name} has no {alias.name!r} here", f"available: {', '.join(sorted(exported(name)))}"


FETCHED_BY_C = frozenset({"_strptime"})
"""Modules that functions written in C import by the `__import__` of whoever calls them (`datetime.strptime`), and then take
from `sys.modules`. No script can name them: the compiler refuses names with an underscore."""


class AppModule:
    """One of the app's own modules, as the importing script sees it: public names, read only."""

    __slots__ = ("_namespace", "_title")

    def __init__(self, title: str, namespace: Mapping[str, Any]) -> None:
        object.__setattr__(self, "_title", title)
        object.__setattr__(self, "_namespace", namespace)

    def __getattr__(self, name: str) -> Any:
        if name in self._namespace and not name.startswith("_"):
            return self._namespace[name]
        raise AttributeError(f"module {self._title!r} has no {name!r}")

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"module {self._title!r} can't be changed")

    def __repr__(self) -> str:
        return f"<module {self._title!r}>"


class Importer:
    """The `__import__` of one event: each of the app's modules runs once, at its first import."""

    def __init__(self, codes: Mapping[str, CodeType], entry: str, globals_for: Callable[[str], dict[str, Any]]) -> None:
        self._codes = codes
        self._globals_for = globals_for
        self._loaded: dict[str, AppModule] = {}
        self._loading = [entry]

    def load(self, name: str, from_names: tuple[str, ...] | None) -> Any:
        """What the statement's first name is bound to. Raises ImportError."""
        if name in FETCHED_BY_C:
            return None
        module = FACADES.get(name) or self._own(name)
        for wanted in from_names or ():
            if not hasattr(module, wanted):
                raise ImportError(f"cannot import {wanted!r} from {name!r}: it isn't there")
        return module if from_names or name not in FACADES else FACADES[name.partition(".")[0]]

    def _own(self, name: str) -> AppModule:
        if name in self._loaded:
            return self._loaded[name]
        if name in self._loading:
            path = " -> ".join([*self._loading[self._loading.index(name) :], name])
            raise ImportError(f"modules import each other in a circle: {path}")
        if name not in self._codes:
            raise ImportError(f"there is no module {name!r}; {module_hint(name, frozenset(self._codes))}")
        self._loading.append(name)
        namespace = self._globals_for(name)
        try:
            exec(self._codes[name], namespace)  # noqa: S102
        finally:
            self._loading.pop()
        module = self._loaded[name] = AppModule(name, namespace)
        return module
