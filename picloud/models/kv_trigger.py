from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.dialects.postgresql import ARRAY, TEXT
from sqlalchemy.orm import Mapped, mapped_column

from picloud.models.base import Base


class KvTriggerDetails(Base):
    """Which changes of the app's store make the script run."""

    __tablename__ = "kv_trigger_details"

    trigger_id: Mapped[UUID] = mapped_column(ForeignKey("triggers.id", ondelete="CASCADE"), primary_key=True)
    collection_glob: Mapped[str]
    key_glob: Mapped[str]
    ops: Mapped[list[str]] = mapped_column(ARRAY(TEXT))
