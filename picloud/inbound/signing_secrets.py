"""A signing secret is text; these are the HMAC keys that it may stand for. No key is ever empty."""

import base64

PREFIX = "whsec_"


def standard_keys(secret: str) -> list[bytes]:
    """The keys for the Standard Webhooks form, the likeliest first. None at all: the secret is unusable.

    After `whsec_` base64 (standard alphabet, padding optional). Any other secret: its UTF-8 bytes, and, as the
    specification's own libraries take every secret for base64, what it decodes to where that has the size of a key
    there, 24 to 64 bytes. Decoding loses nothing, so that key is no easier to guess than the text.
    """
    if secret.startswith(PREFIX):
        return _without_empty([_base64(secret.removeprefix(PREFIX))])
    decoded = _base64(secret)
    return _without_empty([_utf8(secret), decoded if 24 <= len(decoded) <= 64 else b""])


def plain_keys(secret: str) -> list[bytes]:
    """The keys for the plain form: the secret's full text, and what follows `whsec_`."""
    if not secret.startswith(PREFIX):
        return _without_empty([_utf8(secret)])
    return [_utf8(secret), *standard_keys(secret)] if secret != PREFIX else []


def read_secret(given: str) -> str:
    """`given`, where it holds a key; raises ValueError."""
    if not standard_keys(given):
        raise ValueError("starts with whsec_, but what follows is not base64")
    return given


def _base64(text: str) -> bytes:
    """What `text` decodes to, or nothing where it is not base64."""
    bare = text.rstrip("=")
    try:
        return base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    except ValueError:
        return b""


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _without_empty(keys: list[bytes]) -> list[bytes]:
    """An empty key would let anybody sign."""
    return [key for key in keys if key]
