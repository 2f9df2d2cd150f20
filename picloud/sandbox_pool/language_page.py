"""The reference page of the handler language, from the tables that the code itself uses."""

from picloud.sandbox_pool.language import (
    ABSENT,
    BUILTINS,
    EXCEPTIONS,
    METHODS,
    MODULE_HINTS,
    MODULES,
    RESERVED,
    STATEMENTS,
)

EVERY = "every public name of Python's own"
GUARDED = ("delattr", "format", "getattr", "hasattr", "print", "setattr", "type")

_INTRODUCTION = """# The handler language

A script is Python, compiled by the interpreter that PiCloud runs on, with a fence: what leads out of a handler is refused,
most of it when the script is uploaded, with line, column and what to write instead. The fence is for comfort and early
words; what keeps handlers apart is the operating system.

This page is made from the tables in `picloud/sandbox_pool/language.py`.

Annotations are ignored, but for the fields of a `@dataclass`. `d[k] += 1`, `obj.n += 1`, closures with `nonlocal`,
generators, classes, dataclasses, enums, properties, `super()`, decorators, comprehensions, f-strings, `str.format`, walrus,
`match`, `with` and `try` work as ever. Names with a leading underscore are reserved; `_` alone is not, and
`kind.__name__` of a class or function can be read. A script that is an endpoint defines `def handler(ctx):`. Each event
starts with fresh globals: keep things with `ctx.kv(collection)`.
"""


def page() -> str:
    return "\n".join((_INTRODUCTION, _modules(), _builtins(), _refused()))


def _modules() -> str:
    rows = [
        f"| `{name}` | {EVERY if names == '*' else _code(sorted(names.split()))} |" for name, names in MODULES.items()
    ]
    advice = [f"| `{name}` | {hint} |" for name, hint in MODULE_HINTS.items()]
    return "\n".join(
        (
            "## Modules\n",
            "Besides the app's own modules, by name. A module here has the names listed and can't be changed, and no "
            "script can be named like one.\n",
            *("| module | names |", "|---|---|", *rows),
            "\nOthers are refused when the script is uploaded:\n",
            *("| instead of | |", "|---|---|", *advice),
            "",
        )
    )


def _builtins() -> str:
    absent = [f"| `{name}` | {hint} |" for name, hint in ABSENT.items()]
    return "\n".join(
        (
            "## Builtins\n",
            f"{_code(sorted((*BUILTINS, *GUARDED)))}\n",
            f"Exceptions: {_code(sorted(EXCEPTIONS))}\n",
            f"Special methods that a class may define: {_code(sorted(METHODS))}\n",
            *("| not available | |", "|---|---|", *absent, ""),
        )
    )


def _refused() -> str:
    names = [f"| `{name}` | {hint} |" for name, hint in RESERVED.items()]
    rows = [f"| {message} | {hint} |" for message, hint in dict.fromkeys(STATEMENTS.values())]
    return "\n".join(
        (
            "## Names with a leading underscore\n",
            *("| instead of | |", "|---|---|", *names, ""),
            *("## Statements\n", "| refused | |", "|---|---|", *rows, ""),
        )
    )


def _code(names: list[str]) -> str:
    return " ".join(f"`{name}`" for name in names)
