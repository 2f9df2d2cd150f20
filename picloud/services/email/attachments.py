"""The contents of mails' attachments, for the handlers of the app that got them."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from picloud.domain.errors import NotFound
from picloud.models import EmailAttachment


def content_of(session: Session, app_id: UUID, attachment_id: UUID) -> bytes:
    """Raises NotFound, also for one of another app."""
    query = select(EmailAttachment.content).where(EmailAttachment.id == attachment_id, EmailAttachment.app_id == app_id)
    content = session.scalar(query)
    if content is None:
        raise NotFound("the attachment is not kept any more")
    return content
