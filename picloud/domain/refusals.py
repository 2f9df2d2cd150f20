"""What msgspec says of a value that doesn't fit, as people want to read it: where it stands, and what would do."""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from picloud.domain.errors import Invalid, invalid

MOMENT = "2026-11-22T10:00:00Z"


def refused(shape: Any, message: str, *, below: str = "") -> Invalid:
    """The error for `message`, raised where a value was no `shape`; `below` is the pointer to that value.

    The message ends with its place, as in ``Expected `int`, got `str` - at `$.limits[0]` ``; unknown and missing fields
    stand in its text.
    """
    text, _, place = message.partition(" - at `$")
    parts = [
        part for part in place.rstrip("`").replace("[...]", "").replace("[", ".").replace("]", "").split(".") if part
    ]
    for names_field in ("missing required field `", "unknown field `"):
        if names_field in text:
            parts.append(text.partition(names_field)[2].rstrip("`"))
    return invalid(below + "".join(f"/{escaped(part)}" for part in parts), text + _instead(shape, parts, text))


def escaped(name: str) -> str:
    """A name as a part of a pointer (RFC 6901, 3)."""
    return name.replace("~", "~0").replace("/", "~1")


def _instead(shape: Any, parts: list[str], text: str) -> str:
    if "RFC3339" in text:
        return f"; write it like {MOMENT}"
    if "unknown field `" in text:
        there_is: Iterable[Any] = next(
            (found["properties"] for found in _find(shape, parts[:-1]) if "properties" in found), {}
        )
    elif "Invalid enum value" in text:
        there_is = [value for found in _find(shape, parts) for value in found.get("enum", ())]
    else:
        return ""
    return f"; there is: {', '.join(map(str, there_is))}" if there_is else ""


def _find(shape: Any, parts: list[str]) -> Iterator[dict[str, Any]]:
    """The JSON Schemas of what may stand at `parts`."""
    schema = msgspec.json.schema(shape)
    level = list(_alternatives(schema, schema))
    for part in parts:
        inner = [node.get("properties", {}).get(part) or node.get("items") for node in level]
        level = [found for node in inner if isinstance(node, dict) for found in _alternatives(node, schema)]
    yield from level


def _alternatives(node: dict[str, Any], schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    while "$ref" in node:
        node = schema["$defs"][node["$ref"].rpartition("/")[2]]
    if "anyOf" not in node:
        yield node
    for option in node.get("anyOf", ()):
        yield from _alternatives(option, schema)
