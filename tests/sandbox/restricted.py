"""Runs a script of the handler language in this process, as a worker would."""

from collections.abc import Callable
from typing import Any

from picloud.sandbox_pool.compile import compile_script
from picloud.sandbox_pool.handler_builtins import handler_builtins
from picloud.sandbox_pool.imports import Importer


def run(source: str, printed: list[str] | None = None) -> Any:
    """`handler(None)` of `source`, run as a worker would. Raises what it raises, and Refused at compile time."""
    code = compile_script("main", source, frozenset())
    names = handler_builtins()
    importer = Importer({}, "main", lambda name: {"__builtins__": names})
    names["__import__"] = lambda name, _g=None, _l=None, wanted=(), level=0: importer.load(name, wanted)
    said: list[str] = [] if printed is None else printed
    names["print"] = lambda *values: said.append(" ".join(map(str, values)))
    namespace: dict[str, Any] = {"__builtins__": names, "__name__": "main"}
    exec(code, namespace)
    handler: Callable[[object], Any] = namespace["handler"]
    return handler(None)
