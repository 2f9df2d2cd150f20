"""Form bodies (multipart/form-data by RFC 7578, or URL-encoded), read by the `multipart` library, under limits."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header

from picloud.domain.errors import Invalid
from picloud.inbound.charsets import decode
from picloud.inbound.limits import FORM_FIELDS_MAX
from picloud.inbound.request import Request


@dataclass(frozen=True, slots=True)
class File:
    name: str
    filename: str
    content_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Form:
    """Of fields with one name the first counts. Their charset is the provider's to say, so they stay bytes."""

    fields: dict[str, bytes]
    files: list[File]

    def text(self, name: str, charset: str | None = None) -> str | None:
        raw = self.fields.get(name)
        return None if raw is None else decode(raw, charset)


def read(request: Request) -> Form:
    """Raises Invalid."""
    media_type, options = parse_options_header(request.content_type)
    if media_type == "application/x-www-form-urlencoded":
        return _url_encoded(request.body)
    boundary = options.get("boundary", "")
    if media_type != "multipart/form-data" or not 0 < len(boundary) <= 200:
        raise Invalid("Not a form: the Content-Type has to be multipart/form-data, with a boundary.")
    try:
        return _multipart(request.body, boundary)
    except (MultipartError, ValueError) as wrong:
        raise Invalid(f"Not a form: {wrong}") from None


def written(fields: Mapping[str, bytes], boundary: str) -> tuple[str, bytes]:
    """The content type and the body of a form. Names are ours: nothing in them is escaped."""
    head = '--{}\r\nContent-Disposition: form-data; name="{}"\r\n\r\n'
    parts = (head.format(boundary, name).encode() + value + b"\r\n" for name, value in fields.items())
    return f"multipart/form-data; boundary={boundary}", b"".join(parts) + f"--{boundary}--\r\n".encode()


def _url_encoded(body: bytes) -> Form:
    try:
        pairs = parse_qsl(body, keep_blank_values=True, max_num_fields=FORM_FIELDS_MAX)
    except ValueError:
        raise Invalid(f"Not a form: more than {FORM_FIELDS_MAX} fields.") from None
    return Form({decode(name): value for name, value in reversed(pairs)}, [])


def _multipart(body: bytes, boundary: str) -> Form:
    form = Form({}, [])
    segment: MultipartSegment | None = None
    pieces: list[bytes] = []
    limits = {"max_segment_count": FORM_FIELDS_MAX, "max_header_size": 16_384}
    # Latin-1 takes every byte: names in other charsets would end the parse.
    with PushMultipartParser(boundary, header_charset="latin1", **limits) as parser:
        for event in parser.parse(body):
            if isinstance(event, MultipartSegment):
                segment, pieces = event, []
            elif event is not None:
                pieces.append(event)
            elif segment is not None:
                _keep(form, segment, pieces[0] if len(pieces) == 1 else b"".join(pieces))
    return form


def _keep(form: Form, segment: MultipartSegment, content: bytes) -> None:
    name = segment.name or ""
    if segment.filename is None:
        form.fields.setdefault(name, content)
        return
    filename = decode(segment.filename.encode("latin-1", "replace"))
    form.files.append(File(name, filename, segment.content_type or "application/octet-stream", content))
