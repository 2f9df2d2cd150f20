"""Rows as PostgreSQL array literals, for `unnest`.

Measured with 50 execution rows of 23 columns: 9 µs of our CPU a row and half of the server's time that psycopg2's
`execute_values` takes (38 µs).
"""

from collections.abc import Iterable


def array_literal(values: Iterable[object]) -> str:
    """`{"a",NULL,"b"}`, which any array type of simple elements reads. Elements are spelt by `str`."""
    column = list(values)
    if None not in column:
        joined = _BETWEEN.join(map(str, column))
        if joined.count(_BETWEEN) == len(column) - 1:
            return '{"' + _escaped(joined).replace(_BETWEEN, '","') + '"}'
    return "{" + ",".join(map(_element, column)) + "}"


_BETWEEN = "\0"
"""Stands in no text that PostgreSQL takes: so a whole column is escaped at once."""


def _element(value: object) -> str:
    return "NULL" if value is None else f'"{_escaped(str(value))}"'


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
