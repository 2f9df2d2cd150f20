"""Dead letters that died of the same thing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from picloud.models import App, DeadLetter, Script
from picloud.services.dead_letters import DeadLetterFilter

MOST = 50


@dataclass(frozen=True, slots=True)
class DeadLetterGroup:
    script: str
    type: str | None
    message: str | None
    letters: int
    last_at: datetime


def dead_letter_groups(session: Session, app: App) -> Sequence[DeadLetterGroup]:
    """The 50 largest."""
    error_type, message = DeadLetter.error["type"].as_string(), DeadLetter.error["message"].as_string()
    letters = func.count().label("letters")
    query = (
        select(Script.name, error_type, message, letters, func.max(DeadLetter.failed_at))
        .join(Script, Script.id == DeadLetter.script_id)
        .where(*DeadLetterFilter().clauses(app.id))
        .group_by(Script.name, error_type, message)
        .order_by(letters.desc())
        .limit(MOST)
    )
    return [DeadLetterGroup(*row) for row in session.execute(query)]
