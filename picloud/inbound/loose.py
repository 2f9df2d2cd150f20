"""Reading a provider's JSON, of which nothing is certain: the wrong type reads as nothing."""

from collections.abc import Iterator
from typing import Any

from picloud.domain import strict_json
from picloud.domain.errors import Invalid
from picloud.inbound import addresses
from picloud.inbound.encoded_words import decoded_base64


def json_object(raw: bytes) -> dict[str, Any]:
    """Raises Invalid."""
    value = strict_json.loads(raw)
    if not isinstance(value, dict):
        raise Invalid("The body has to be a JSON object.")
    return value


def json_array(raw: bytes) -> list[Any]:
    """Raises Invalid."""
    value = strict_json.loads(raw)
    if not isinstance(value, list):
        raise Invalid("The body has to be a JSON array.")
    return value


def at(value: Any, *path: str) -> Any:
    """What stands at the end of the path, or None."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def text_at(value: Any, *path: str) -> str | None:
    """A string, or None; a number as its text."""
    found = at(value, *path)
    if isinstance(found, int | float) and not isinstance(found, bool):
        return str(found)
    return found if isinstance(found, str) else None


def each(value: Any) -> Iterator[Any]:
    """The items of an array; nothing for anything else."""
    return iter(value if isinstance(value, list) else ())


def strings(value: Any) -> list[str]:
    """The strings in an array, or the one string that stands there instead."""
    return [value] if isinstance(value, str) else [item for item in each(value) if isinstance(item, str)]


def address_list(value: Any) -> list[str]:
    """Addresses out of one string, or an array of strings."""
    return [address for text in strings(value) for address in addresses.split(text)]


def contacts(value: Any, name: str, address: str) -> list[str]:
    """Addresses out of an array of objects (or the one object) with these two fields."""
    items = [value] if isinstance(value, dict) else each(value)
    found = (addresses.named(text_at(item, name), text_at(item, address) or "") for item in items)
    return [contact for contact in found if contact]


def headers_of(value: Any) -> list[list[str]]:
    """Pairs out of an object of strings or of arrays of strings, as several providers write headers."""
    if not isinstance(value, dict):
        return []
    return [[name, text] for name, given in value.items() for text in strings(given)]


def content_of(value: Any) -> bytes | None:
    """What a string in base64 spells."""
    return decoded_base64(value.encode("utf-8", "replace")) if isinstance(value, str) else None


def size_of(value: Any) -> int | None:
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value if whole and 0 <= value < 2**53 else None
