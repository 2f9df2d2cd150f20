from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from picloud.models.base import Base, CreatedAt


class SetupLink(Base):
    """Lets whoever has the token become the first owner, once. Dead as soon as there is an owner."""

    __tablename__ = "setup_links"

    token_hash: Mapped[bytes] = mapped_column(primary_key=True)
    expires_at: Mapped[datetime]
    created_at: Mapped[CreatedAt]
