"""Path patterns of routes: `/orders/{id}` takes one segment, `/files/{path...}` takes the rest."""

import re
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import unquote

MAX_PATTERN_CHARS = 500
_PARAMETER = re.compile(r"\{([a-z_][a-z0-9_]*)(\.\.\.)?\}", re.IGNORECASE)
_LITERAL = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@%-]*")
_ESCAPE = re.compile(r"%(?:([0-9A-Fa-f]{2})|)")
_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]")


class PatternError(ValueError):
    """The pattern is malformed. The text says how."""


@lru_cache(maxsize=1024)
def compile_pattern(pattern: str) -> re.Pattern[str]:
    """A pattern for fullmatch on an undecoded path. Raises PatternError."""
    if not pattern.startswith("/") or len(pattern) > MAX_PATTERN_CHARS:
        raise PatternError(f"has to start with / and to have at most {MAX_PATTERN_CHARS} characters")
    names: list[str] = []
    segments = pattern.split("/")[1:]
    parts = [_segment(text, names, last=index == len(segments) - 1) for index, text in enumerate(segments)]
    if len(set(names)) < len(names):
        raise PatternError("names a parameter twice")
    return re.compile("".join(f"/{part}" for part in parts))


def _segment(text: str, names: list[str], *, last: bool) -> str:
    parameter = _PARAMETER.fullmatch(text)
    if parameter:
        if parameter[2] and not last:
            raise PatternError(f"{text} has to be the last segment")
        names.append(parameter[1])
        return f"(?P<{parameter[1]}>{'.*' if parameter[2] else '[^/]+'})"
    if not _LITERAL.fullmatch(text):
        raise PatternError(f"{text!r} is not a segment: write letters, digits, -._~ or {{name}} or {{name...}}")
    return re.escape(normal(text))


def check_new(pattern: str) -> None:
    """Raises PatternError for a malformed pattern, and for one that no ordinary call can match."""
    compile_pattern(pattern)
    for text in pattern.split("/"):
        if any(escape[1] is None for escape in _ESCAPE.finditer(text)):
            raise PatternError(f"{text!r} has a % without two hexadecimal digits: write %25 for the sign itself")
        if normal(text) in (".", ".."):
            raise PatternError(f"{text!r} is taken out of an address before it is sent, so nothing could match it")


def match(pattern: str, path: str) -> Mapping[str, str] | None:
    """The parameters, percent-decoded, or None where `path` does not match."""
    found = compile_pattern(pattern).fullmatch(normal(path) if "%" in path else path)
    return {name: unquote(value) for name, value in found.groupdict().items()} if found else None


def normal(path: str) -> str:
    """RFC 3986, 6.2.2: escapes in upper case, and none for what needs none. What is no escape stays."""
    return _ESCAPE.sub(_normal_escape, path)


def _normal_escape(escape: re.Match[str]) -> str:
    if escape[1] is None:
        return "%"
    character = chr(int(escape[1], 16))
    return character if _UNRESERVED.fullmatch(character) else escape[0].upper()


def form(pattern: str) -> str:
    """The pattern without the names of its parameters. Two of one form match the same paths."""
    return "/".join(_PARAMETER.sub(r"{\2}", segment) for segment in normal(pattern).split("/"))


def specificity(pattern: str) -> tuple[tuple[int, str], ...]:
    """A sort key: among patterns that match, the least is the one to take (literal, parameter, rest)."""
    return tuple(_rank(segment) for segment in pattern.split("/")[1:])


def _rank(segment: str) -> tuple[int, str]:
    parameter = _PARAMETER.fullmatch(segment)
    if parameter is None:
        return 0, segment
    return (2 if parameter[2] else 1), ""
