"""Header values as people read them: unfolded, with RFC 2047's encoded words decoded."""

import base64
import binascii
import quopri
import re

from picloud.inbound.charsets import decode

_WORD = re.compile(r"=\?(?P<charset>[^?*\s]{1,40})(?:\*[^?\s]*)?\?(?P<encoding>[bBqQ])\?(?P<text>[^?]*)\?=")
_BETWEEN = re.compile(r"(\?=)\s+(?==\?[^?\s]{1,60}\?[bBqQ]\?)")
_FOLD = re.compile(r"\r?\n[ \t]*|\r[ \t]*")


def readable(value: str) -> str:
    """`value` on one line. What can't be decoded stays as it is."""
    unfolded = _FOLD.sub(" ", value).strip()
    if "=?" not in unfolded:
        return unfolded
    pieces: list[str] = []
    pending, pending_charset, end = b"", "", 0
    joined = _BETWEEN.sub(r"\1", unfolded)
    for word in _WORD.finditer(joined):
        raw, charset = _raw(word), word["charset"].lower()
        # A character may be cut in two by the limit on a word's length: neighbours of one charset are decoded together.
        if pending and (word.start() != end or charset != pending_charset):
            pieces.append(decode(pending, pending_charset))
            pending = b""
        pieces.append(joined[end : word.start()])
        pending, pending_charset, end = pending + raw, charset, word.end()
    return "".join([*pieces, decode(pending, pending_charset), joined[end:]])


def _raw(word: re.Match[str]) -> bytes:
    text = word["text"].encode("utf-8", "surrogateescape")
    if word["encoding"] in "qQ":
        return quopri.decodestring(text, header=True)
    return decoded_base64(text)


def decoded_base64(text: bytes) -> bytes:
    """What base64 spells, leniently: other characters are skipped, missing padding is made up."""
    try:
        return binascii.a2b_base64(text)
    except binascii.Error:
        kept = re.sub(rb"[^A-Za-z0-9+/]", b"", text)
        whole = kept[: len(kept) - (len(kept) % 4 == 1)]
        return base64.b64decode(whole + b"=" * (-len(whole) % 4))
