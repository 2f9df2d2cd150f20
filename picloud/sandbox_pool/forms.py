"""The fields of a form: URL-encoded (the WHATWG's URL standard, 5.1), or multipart/form-data (RFC 7578).

Written out because a worker imports nothing but the standard library, whose own reader, in `email`, is as large as all else
that a worker has.
"""

import re
from urllib.parse import parse_qsl

FIELDS_MAX = 10_000
_BOUNDARY = re.compile(r';\s*boundary=(?:"([^"]{1,200})"|([^\s;"]{1,200}))', re.IGNORECASE)
_NAME = re.compile(r'^content-disposition:\s*form-data\b.*?;\s*name="([^"]*)"', re.IGNORECASE | re.MULTILINE)
_FILE = re.compile(r"^content-disposition:.*;\s*filename\*?=", re.IGNORECASE | re.MULTILINE)
_ESCAPES = (("%0D", "\r"), ("%0A", "\n"), ("%22", '"'))


def form_fields(content_type: str, body: bytes) -> dict[str, str]:
    """Of fields with one name the first counts; files are none. Empty where the body is no form.

    Raises ValueError for more than FIELDS_MAX fields.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        pairs = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=FIELDS_MAX)
        return dict(reversed(pairs))
    boundary = _BOUNDARY.search(content_type)
    if kind != "multipart/form-data" or boundary is None:
        return {}
    return _multipart(body, (boundary[1] or boundary[2]).encode())


def _multipart(body: bytes, boundary: bytes) -> dict[str, str]:
    fields: dict[str, str] = {}
    parts = (b"\r\n" + body).split(b"\r\n--" + boundary, FIELDS_MAX + 2)
    if len(parts) > FIELDS_MAX + 2:
        raise ValueError(f"the form has more than {FIELDS_MAX} fields")
    for part in parts[1:]:
        if part.startswith(b"--"):
            break
        head, _, content = part.partition(b"\r\n\r\n")
        headers = head.decode("utf-8", "replace")
        name = _NAME.search(headers)
        if name and not _FILE.search(headers):
            fields.setdefault(_unescaped(name[1]), content.decode("utf-8", "replace"))
    return fields


def _unescaped(name: str) -> str:
    """As browsers write what would end a name."""
    for escape, character in _ESCAPES:
        name = name.replace(escape, character)
    return name
