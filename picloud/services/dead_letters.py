from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from picloud.domain.errors import NotFound
from picloud.models import App, DeadLetter, Script
from picloud.services.paging import Page, PageRequest, fetch


class DeadLetterService:
    """Reads dead letters. What is done about them stands in the outbox service, where they go back to."""

    def __init__(self, session: Session, app: App) -> None:
        self._session = session
        self._app = app

    def list(self, page: PageRequest) -> Page[tuple[DeadLetter, Script]]:
        """Newest first; neither cancelled nor discarded ones."""
        query = select(DeadLetter, Script).join(Script, Script.id == DeadLetter.script_id)
        dead = query.where(DeadLetter.app_id == self._app.id, DeadLetter.state == "dead")
        return fetch(self._session, dead, DeadLetter.id, page, newest_first=True)

    def get(self, dead_letter_id: UUID | None) -> tuple[DeadLetter, Script]:
        """Raises NotFound."""
        letter = self._session.get(DeadLetter, dead_letter_id) if dead_letter_id else None
        if letter is None or letter.app_id != self._app.id or letter.state != "dead":
            raise NotFound(f"The app {self._app.slug} has no such dead letter.")
        return letter, self._session.get_one(Script, letter.script_id)
