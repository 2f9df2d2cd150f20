"""Source code as pages show it: lines with their numbers, and what differs between two versions."""

import difflib
from collections.abc import Collection
from typing import NamedTuple

AROUND = 3


class Line(NamedTuple):
    number: int
    text: str
    marked: bool


class Change(NamedTuple):
    """`kind`: `added`, `removed`, `place` or empty."""

    kind: str
    text: str


_KINDS = {"+": "added", "-": "removed", "@": "place"}


def excerpt(source: str, marks: Collection[int | None]) -> list[Line]:
    """The marked lines, counted from 1, and some around each."""
    wanted = {number for mark in marks if mark for number in range(mark - AROUND, mark + AROUND + 1)}
    lines = enumerate(source.splitlines(), 1)
    return [Line(number, text, number in marks) for number, text in lines if number in wanted]


def changes(before: str, after: str) -> list[Change]:
    compared = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="")
    return [Change(_KINDS.get(line[:1], ""), line) for line in compared if not line.startswith(("--- ", "+++ "))]
