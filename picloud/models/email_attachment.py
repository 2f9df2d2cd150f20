from uuid import UUID

from sqlalchemy.orm import Mapped

from picloud.models.base import Base, Id


class EmailAttachment(Base):
    """The content of an attachment, which the event names by this id. Insert-only; partitioned by day over it.

    No foreign key: a day is dropped whole, with that day's events.
    """

    __tablename__ = "email_attachments"
    __table_args__ = ({"postgresql_partition_by": "RANGE (id)"},)

    id: Mapped[Id]
    app_id: Mapped[UUID]
    content: Mapped[bytes]
