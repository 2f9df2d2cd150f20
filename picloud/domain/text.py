"""Text that came from outside, made fit for storing.

PostgreSQL's jsonb refuses U+0000 and lone surrogates, both of which JSON can spell (`\\u0000`, `\\ud800`). Each of
them becomes U+FFFD, so that the mail or the value is kept.
"""

import re
from typing import Any

_UNFIT = re.compile("[\x00\ud800-\udfff]")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_LINE_BREAK = re.compile("[\r\n\v\f\x85\u2028\u2029][ \t\r\n\v\f\x85\u2028\u2029]*")


def clean(value: Any) -> Any:
    """`value` (decoded JSON) with NUL and lone surrogates replaced in every string, keys too.

    What needs nothing comes back as the same object. Of two keys that become one, the later wins. Recursive: the
    caller bounds the depth, as `strict_json.loads` does.
    """
    return _cleaned(value) if _needs_cleaning(value) else value


def one_line(text: str) -> str:
    """`text` with every line break (Unicode's mandatory ones), and the blanks after it, made one space."""
    return _LINE_BREAK.sub(" ", text)


def _needs_cleaning(value: Any) -> bool:
    if isinstance(value, str):
        return "\0" in value or (not value.isascii() and _UNFIT.search(value) is not None)
    if isinstance(value, dict):
        return any(_needs_cleaning(key) or _needs_cleaning(item) for key, item in value.items())
    return isinstance(value, list) and any(map(_needs_cleaning, value))


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return _UNFIT.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_cleaned(key): _cleaned(item) for key, item in value.items()}
    return [_cleaned(item) for item in value] if isinstance(value, list) else value


def storable(text: str) -> bool:
    """Whether PostgreSQL's text can hold it: no NUL, no lone surrogate."""
    return "\x00" not in text and sayable(text)


def sayable(text: str) -> bool:
    """Whether UTF-8 can say it, and PostgreSQL's json hold it: no lone surrogate."""
    return text.isascii() or _LONE_SURROGATE.search(text) is None
