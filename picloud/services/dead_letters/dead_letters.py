from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Text, case, cast, select
from sqlalchemy.orm import Session, defer

from picloud.domain.errors import NotFound
from picloud.models import App, DeadLetter, Script
from picloud.services.paging import Page, PageRequest, fetch

_UNREADABLE = r"\\u(0000|d[89a-f])"
"""Escapes by which PostgreSQL may refuse to look into a JSON: NUL and halves of surrogate pairs."""


def error_part(name: str) -> ColumnElement[str | None]:
    """A text in the error of a dead letter; null where PostgreSQL can't look into it."""
    readable = cast(DeadLetter.error, Text).regexp_match(_UNREADABLE).is_not(True)
    return case((readable, DeadLetter.error[name].as_string()))


@dataclass(frozen=True, slots=True)
class DeadLetterFilter:
    """What dead letters are narrowed to; None: not at all. `since` and `until` are about `failed_at`. `state`: `dead`, those
    that can be replayed, or `discarded`."""

    kind: str | None = None
    trigger_id: UUID | None = None
    script: str | None = None
    trace_id: UUID | None = None
    error_type: str | None = None
    error_contains: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    ids: Sequence[UUID] | None = None
    discarded_at: datetime | None = None
    state: str = "dead"

    def clauses(self, app_id: UUID) -> list[ColumnElement[bool]]:
        """Conditions on the rows of `DeadLetter` that are this app's and in the state that is asked for."""
        named = select(Script.id).where(Script.app_id == app_id, Script.name == self.script)
        wanted: list[tuple[Any, Callable[[Any], ColumnElement[bool]]]] = [
            (self.kind, DeadLetter.source_kind.__eq__),
            (self.trigger_id, DeadLetter.trigger_id.__eq__),
            (self.script, lambda _: DeadLetter.script_id.in_(named)),
            (self.trace_id, DeadLetter.trace_id.__eq__),
            (self.error_type, error_part("type").__eq__),
            (self.error_contains, lambda text: error_part("message").contains(text, autoescape=True)),
            (self.since, DeadLetter.failed_at.__ge__),
            (self.until, DeadLetter.failed_at.__lt__),
            (self.ids, DeadLetter.id.in_),
            (self.discarded_at, DeadLetter.closed_at.__eq__),
        ]
        mine = [DeadLetter.app_id == app_id, DeadLetter.state == self.state]
        return mine + [compare(value) for value, compare in wanted if value is not None]


class DeadLetterService:
    """Reads dead letters. What is done about them: see the services for replays and for the outbox."""

    def __init__(self, session: Session, app: App) -> None:
        self._session = session
        self._app = app

    def list(self, page: PageRequest, narrowed: DeadLetterFilter) -> Page[tuple[DeadLetter, Script]]:
        """Newest first, without their events."""
        query = select(DeadLetter, Script).join(Script, Script.id == DeadLetter.script_id)
        slim = query.where(*narrowed.clauses(self._app.id)).options(defer(DeadLetter.event))
        return fetch(self._session, slim, DeadLetter.id, page, newest_first=True)

    def get(self, dead_letter_id: UUID | None) -> tuple[DeadLetter, Script]:
        """Raises NotFound."""
        letter = self._session.get(DeadLetter, dead_letter_id) if dead_letter_id else None
        if letter is None or letter.app_id != self._app.id or letter.state != "dead":
            raise NotFound(f"The app {self._app.slug} has no such dead letter.")
        return letter, self._session.get_one(Script, letter.script_id)
