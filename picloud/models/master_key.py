from sqlalchemy.orm import Mapped, mapped_column

from picloud.models.base import Base, CreatedAt


class KnownMasterKey(Base):
    """Id of a master key that has sealed values here: a start with another key is refused."""

    __tablename__ = "master_keys"

    key_id: Mapped[bytes] = mapped_column(primary_key=True)
    created_at: Mapped[CreatedAt]
