"""Lists in pages: `?limit=50&after=<cursor>`. A cursor is the id of the last item of the page before."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, Select
from sqlalchemy.orm import InstrumentedAttribute, Session

DEFAULT_LIMIT = 50
MAX_LIMIT = 200

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PageRequest:
    """What part of a list is wanted."""

    limit: int = DEFAULT_LIMIT
    after: UUID | None = None


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A part of a list. `next`: the cursor of the part that follows, or None at the end."""

    items: Sequence[T]
    next: UUID | None


def fetch(
    session: Session,
    query: Select[*tuple[Any, ...]],
    key: InstrumentedAttribute[UUID] | ColumnElement[UUID],
    page: PageRequest,
    *,
    newest_first: bool = False,
) -> Page[Any]:
    """The rows of `query`, whose last column is `key`, from after the cursor on; the key itself is left off."""
    if page.after is not None:
        query = query.where(key < page.after if newest_first else key > page.after)
    query = query.add_columns(key.label("page_key")).order_by(key.desc() if newest_first else key)
    rows = session.execute(query.limit(page.limit + 1)).all()
    items = rows[: page.limit]
    return Page([_without_key(row) for row in items], items[-1].page_key if len(rows) > page.limit else None)


def _without_key(row: Any) -> Any:
    values = tuple(row)[:-1]
    return values[0] if len(values) == 1 else values
