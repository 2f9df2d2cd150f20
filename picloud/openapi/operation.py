"""How an operation of the API is described: what goes in, what comes out, and in what words."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from picloud.services.paging import DEFAULT_LIMIT, MAX_LIMIT

Moment = Annotated[datetime, Meta(tz=True)]


@dataclass(frozen=True, slots=True)
class Query:
    """A query parameter. `type` is what msgspec makes a schema of."""

    name: str
    type: Any
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method of one route. `id` is its operationId, stable as a name in somebody's client.

    `route` names it in `picloud.views.routes`; `at` gives values to parts of its pattern, where they make operations of
    their own. `body`: the shape, or several of which it has one. `answers` are the successes by status, None where
    there is no body; `problems` the statuses of errors beside those that every operation of its sort may give.
    `guarded`: it has an ETag, and its changes heed If-Match.
    """

    route: str
    method: str
    id: str
    summary: str
    description: str = ""
    at: Mapping[str, str] = field(default_factory=dict)
    query: tuple[Query, ...] = ()
    body: tuple[type[msgspec.Struct], ...] | type[msgspec.Struct] = ()
    body_required: bool = True
    example: Any = None
    media: str = "application/json"
    answers: Mapping[int, Any] = field(default_factory=lambda: {204: None})
    problems: tuple[int, ...] = ()
    guarded: bool = False


@dataclass(frozen=True, slots=True)
class Resource:
    """Operations that belong together, under one tag."""

    tag: str
    description: str
    operations: tuple[Operation, ...]


class Queued(msgspec.Struct):
    """A delivery that waits for its attempt."""

    delivery_id: UUID
    status: Literal["queued"]


LIMIT = Query("limit", Annotated[int, Meta(ge=1, le=MAX_LIMIT)], f"How many items; {DEFAULT_LIMIT} without it.")
FILTER = Annotated[str, Meta(min_length=1)]
"""A text that narrows a list. An empty one would not, and is refused."""
UNDO = "It can be restored until it is removed for good: 30 days, or what `closed_keep_days` says."
PAGE = (LIMIT, Query("after", str, "The `next` of the page before. Without it, from the start."))


def page(item: Any, name: str) -> type[msgspec.Struct]:
    """The shape of a list in pages; its schema is called `name`."""
    fields = [("items", list[item]), ("next", str | None)]
    made: type[msgspec.Struct] = msgspec.defstruct(name, fields, namespace={"__doc__": _PAGE_TEXT})
    return made


_PAGE_TEXT = "A part of a list. `next` is the `after` of the part that follows; null at the end."
