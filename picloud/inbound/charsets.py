"""Bytes to text by the charset that a mail names: whatever it names, text comes out."""

import codecs
import re

# Python's codecs hold more than charsets (rot13, zlib), and some that are slow on hostile input (punycode, idna).
_CHARSETS = re.compile(
    r"(?:utf|ascii|iso8859|iso2022|cp\d|koi8|gb|big5|shift_jis|euc|mac|hz|johab|tis|ptcp|kz1048|hp-roman).*"
)
_NAME_MAX_CHARS = 40


def decode(raw: bytes, charset: str | None = None) -> str:
    """`raw` in `charset`, with U+FFFD for what it does not spell. Unknown or none: UTF-8, else Windows-1252."""
    codec = _codec(charset or "")
    if codec not in ("", "ascii", "utf-8"):
        return raw.decode(codec, "replace")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("utf-8" if codec == "utf-8" else "cp1252", "replace")


def _codec(charset: str) -> str:
    if not 0 < len(charset) <= _NAME_MAX_CHARS or not charset.isascii():
        return ""
    try:
        name = codecs.lookup(charset.strip()).name
    except (LookupError, ValueError):
        return ""
    return name if _CHARSETS.fullmatch(name) else ""
