"""All dead letters that match, with their events, one after the other."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from picloud.models import App, DeadLetter, Script
from picloud.services.dead_letters.dead_letters import DeadLetterFilter

_IDS = 1_000


def exported(
    sessions: sessionmaker[Session], app: App, narrowed: DeadLetterFilter, limit: int
) -> Iterator[tuple[DeadLetter, Script, Any]]:
    """Oldest first, at most `limit`: the letter, its script and its event. Between two of them no connection is held,
    and no more than one event is in memory: who reads may be slow."""
    left, after = limit, UUID(int=0)
    while left and (ids := _next(sessions, app, narrowed, after, min(left, _IDS))):
        for letter_id in ids:
            with sessions() as session:
                letter = session.get(DeadLetter, letter_id)
                script = session.get(Script, letter.script_id) if letter else None
            if letter is not None and script is not None:
                yield letter, script, letter.event
        left, after = left - len(ids), ids[-1]


def _next(sessions: sessionmaker[Session], app: App, narrowed: DeadLetterFilter, after: UUID, most: int) -> list[UUID]:
    wanted = (*narrowed.clauses(app.id), DeadLetter.id > after)
    with sessions() as session:
        return list(session.scalars(select(DeadLetter.id).where(*wanted).order_by(DeadLetter.id).limit(most)))
