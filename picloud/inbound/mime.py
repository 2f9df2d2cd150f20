"""Raw mail (RFC 5322 and MIME) to a Mail, under limits, in time and memory bound by its size.

The standard library's parser recurses into every level and looks at each line once per level, so hostile mail costs it
much; docs/adr/0022 says why parts are found here instead. Each attached message is one attachment, and is not opened.
"""

import re
from collections.abc import Iterator
from itertools import chain

from picloud.inbound import addresses
from picloud.inbound.encoded_words import readable
from picloud.inbound.limits import MIME_DEPTH_MAX, MIME_LINES_LIKE_BOUNDARIES_MAX, MIME_PARTS_MAX
from picloud.inbound.mail import Attachment, Mail
from picloud.inbound.mime_part import Part

_LINE_REST = re.compile(rb"(--)?[ \t]*(\r?\n|\Z)")
_MBOX_LINE = re.compile(rb">?From [^\n]*\n")


def parse(raw: bytes) -> Mail:
    """Never raises. What is beyond the limits is left out, and `truncated` set."""
    mbox = _MBOX_LINE.match(raw)
    whole = Part(raw, mbox.end() if mbox else 0, len(raw), 0)
    mail = Mail()
    _read_header(mail, whole)
    for index, part in enumerate(_leaves(whole)):
        if index == MIME_PARTS_MAX:
            mail.truncated = True
            break
        _take(mail, part)
    return mail


def _read_header(mail: Mail, whole: Part) -> None:
    mail.headers = [[name, readable(value)] for name, value in whole.fields]
    mail.sender = next(iter(addresses.split(whole.field("from"))), "")
    for name in ("to", "cc", "bcc", "reply_to"):
        setattr(mail, name, addresses.split(_joined(whole, name.replace("_", "-"))))
    mail.subject = readable(whole.field("subject")) or None
    mail.date = whole.field("date") or None
    mail.message_id = whole.field("message-id")
    mail.in_reply_to = whole.field("in-reply-to")
    mail.references = whole.field("references")


def _joined(part: Part, name: str) -> str:
    """RFC 5322 allows one `To`; some senders write several."""
    return ", ".join(value for key, value in part.fields if key.lower() == name)


def _take(mail: Mail, part: Part) -> None:
    content_type, filename = part.content_type, part.filename
    is_body = part.disposition != "attachment" and filename is None
    if is_body and content_type == "text/plain" and mail.text is None:
        mail.text = part.text()
    elif is_body and content_type == "text/html" and mail.html is None:
        mail.html = part.text()
    elif part.size or filename is not None:
        disposition = part.disposition or ("inline" if part.field("content-id") else "attachment")
        content = part.content()
        mail.attachments.append(
            Attachment(filename, content_type, content, part.field("content-id") or None, disposition)
        )


def _leaves(whole: Part) -> Iterator[Part]:
    """Parts that hold no others, in their order. One nested too deep is a leaf as it stands."""
    stack: list[Iterator[Part]] = [iter((whole,))]
    while stack:
        part = next(stack[-1], None)
        if part is None:
            stack.pop()
            continue
        children = _children(part) if _is_opened(part) else iter(())
        first = next(children, None)
        if first is None:
            yield part
        else:
            stack.append(chain((first,), children))


def _is_opened(part: Part) -> bool:
    return part.depth < MIME_DEPTH_MAX and part.content_type.startswith("multipart/") and bool(part.boundary)


def _children(part: Part) -> Iterator[Part]:
    raw, line = part.raw, b"--" + part.boundary
    start: int | None = None
    at = part.body_start
    for _ in range(MIME_LINES_LIKE_BOUNDARIES_MAX):
        at = raw.find(line, at, part.end)
        if at < 0:
            break
        rest = _LINE_REST.match(raw, at + len(line), part.end)
        if rest is None or raw[at - 1 : at] not in (b"\n", b""):
            at += len(line)
            continue
        if start is not None:
            yield Part(raw, start, _without_line_end(raw, start, at), part.depth + 1)
        if rest[1]:
            return
        start = at = rest.end()
    if start is not None and start < part.end:  # the closing line is missing: the mail was cut
        yield Part(raw, start, part.end, part.depth + 1)


def _without_line_end(raw: bytes, start: int, at: int) -> int:
    """The line break before a boundary belongs to the boundary."""
    end = at - 1 if raw[at - 1 : at] == b"\n" else at
    end = end - 1 if raw[end - 1 : end] == b"\r" else end
    return max(start, end)
