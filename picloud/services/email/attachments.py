"""The contents of mails' attachments, for the handlers of the app that got them."""

from itertools import chain
from struct import pack
from uuid import UUID

from psycopg2.extensions import connection as PsycopgConnection
from sqlalchemy import select
from sqlalchemy.orm import Session

from picloud.domain.errors import NotFound
from picloud.models import EmailAttachment

_COPY = "COPY email_attachments (id, app_id, content) FROM STDIN (FORMAT binary)"
_HEADER = b"PGCOPY\n\xff\r\n\0" + pack("!ii", 0, 0)
_PIECE_BYTES = 64 * 1024


def content_of(session: Session, app_id: UUID, attachment_id: UUID) -> bytes:
    """Raises NotFound, also for one of another app."""
    query = select(EmailAttachment.content).where(EmailAttachment.id == attachment_id, EmailAttachment.app_id == app_id)
    content = session.scalar(query)
    if content is None:
        raise NotFound("the attachment is not kept any more")
    return content


def keep(session: Session, app_id: UUID, attachment_id: UUID, content: bytes) -> None:
    """By COPY, in pieces: an INSERT has the whole content in hex, several times (7 MiB took 60). Raises psycopg2's errors."""
    driver: PsycopgConnection = session.connection().connection.driver_connection  # type: ignore[assignment]
    with driver.cursor() as cursor:
        cursor.copy_expert(_COPY, _Row(app_id, attachment_id, content), _PIECE_BYTES)  # type: ignore[arg-type]


class _Row:
    """One row in COPY's binary format, to be read (https://www.postgresql.org/docs/current/sql-copy.html)."""

    def __init__(self, app_id: UUID, attachment_id: UUID, content: bytes) -> None:
        ids = b"".join(pack("!i", len(each.bytes)) + each.bytes for each in (attachment_id, app_id))
        whole = memoryview(content)
        pieces = (whole[at : at + _PIECE_BYTES] for at in range(0, len(content), _PIECE_BYTES))
        head = _HEADER + pack("!h", 3) + ids + pack("!i", len(content))
        self._pieces = chain((head,), pieces, (pack("!h", -1),))

    def read(self, size: int = _PIECE_BYTES, /) -> bytes:
        """`size` is always `_PIECE_BYTES`."""
        return bytes(next(self._pieces, b""))
