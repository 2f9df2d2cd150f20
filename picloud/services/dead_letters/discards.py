"""Dead letters are put out of sight, and brought back for as long as they are kept."""

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from picloud.models import App, DeadLetter
from picloud.services.dead_letters.dead_letters import DeadLetterFilter


@dataclass(frozen=True, slots=True)
class Changed:
    """How many dead letters, when, and whether more match."""

    letters: int
    at: datetime
    more: bool


class DiscardService:
    """What somebody else replays, discards or restores right now is left to them."""

    def __init__(self, session: Session, app: App) -> None:
        self._session = session
        self._app = app

    def discard(self, narrowed: DeadLetterFilter, limit: int) -> Changed:
        """The oldest `limit` of those that match."""
        return self._change(replace(narrowed, state="dead"), "discarded", limit)

    def restore(self, narrowed: DeadLetterFilter, limit: int) -> Changed:
        """Of those that were discarded the oldest `limit` that match: they are dead letters again."""
        return self._change(replace(narrowed, state="discarded"), "dead", limit)

    def _change(self, narrowed: DeadLetterFilter, state: str, limit: int) -> Changed:
        closed_at = func.now() if state == "discarded" else None
        clauses = narrowed.clauses(self._app.id)
        oldest = select(DeadLetter.id).where(*clauses).order_by(DeadLetter.id).limit(limit)
        picked = oldest.with_for_update(skip_locked=True).subquery()
        change = update(DeadLetter).where(DeadLetter.id.in_(select(picked.c.id)))
        values = change.values(state=state, closed_at=closed_at).execution_options(synchronize_session=False)
        letters = len(self._session.execute(values.returning(DeadLetter.id)).all())
        more = letters == limit and self._session.scalar(select(DeadLetter.id).where(*clauses).limit(1)) is not None
        return Changed(letters, self._session.scalars(select(func.now())).one(), more)
