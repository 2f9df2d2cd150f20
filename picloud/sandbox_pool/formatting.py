"""`str.format` whose field names pass through the guards (CVE-2023-41039, CVE-2023-41050)."""

import _string  # type: ignore[import-not-found]
import string
from collections.abc import Callable, Mapping, Sequence
from typing import Any

GetAttribute = Callable[[Any, str], Any]


class _Formatter(string.Formatter):
    def __init__(self, get_attribute: GetAttribute) -> None:
        self._get_attribute = get_attribute

    def get_field(self, field_name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Any, Any]:
        first, rest = _string.formatter_field_name_split(field_name)
        value = self.get_value(first, args, kwargs)
        for is_attribute, key in rest:
            value = self._get_attribute(value, key) if is_attribute else value[key]
        return value, first


class SafeFormat:
    """Makes the replacements of `text.format` and `text.format_map`, for instances and for `str` itself."""

    def __init__(self, get_attribute: GetAttribute) -> None:
        self._formatter = _Formatter(get_attribute)

    def bound(self, text: str, name: str) -> Callable[..., str]:
        exact = str.__str__(text)
        if name == "format":
            return lambda *args, **kwargs: self._formatter.vformat(exact, args, kwargs)
        return lambda mapping: self._formatter.vformat(exact, (), mapping)

    def unbound(self, name: str) -> Callable[..., str]:
        def method(text: str, *args: Any, **kwargs: Any) -> str:
            return self.bound(text, name)(*args, **kwargs)

        return method
