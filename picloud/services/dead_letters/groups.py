"""Dead letters that died of the same thing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVarTuple
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from picloud.models import App, DeadLetter, Script
from picloud.services.dead_letters.dead_letters import DeadLetterFilter, error_part

Row = TypeVarTuple("Row")
MOST = 50


@dataclass(frozen=True, slots=True)
class DeadLetterGroup:
    """`type` and `message` are None where PostgreSQL can't look into the error."""

    script: str
    type: str | None
    message: str | None
    letters: int
    last_at: datetime


def dead_letter_groups(session: Session, app: App) -> Sequence[DeadLetterGroup]:
    """The 50 largest."""
    letters = func.count().label("letters")
    columns = (Script.name, error_part("type"), error_part("message"))
    query = _of(app, select(*columns, letters, func.max(DeadLetter.failed_at)))
    grouped = query.group_by(*columns).order_by(letters.desc()).limit(MOST)
    return [DeadLetterGroup(*row) for row in session.execute(grouped)]


def letters_of_group(session: Session, app: App, script: str, type_: str, message: str, limit: int) -> Sequence[UUID]:
    """The oldest of exactly this group."""
    wanted = (Script.name == script, error_part("type") == type_, func.coalesce(error_part("message"), "") == message)
    return session.scalars(_of(app, select(DeadLetter.id)).where(*wanted).order_by(DeadLetter.id).limit(limit)).all()


def _of(app: App, query: Select[*Row]) -> Select[*Row]:
    return query.join(Script, Script.id == DeadLetter.script_id).where(*DeadLetterFilter().clauses(app.id))
