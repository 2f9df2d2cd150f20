"""Executions as they end, as server-sent events (WHATWG HTML, 9.2).

The request's transaction is over before the first byte goes out: a stream holds a thread, but no database connection.
"""

import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from uuid import UUID

import msgspec
from pyramid.request import Request
from pyramid.response import Response

from picloud.domain import ids
from picloud.domain.access import Capability
from picloud.domain.errors import invalid
from picloud.models import Execution
from picloud.security.policy import still_permits
from picloud.services.executions.executions import ExecutionService
from picloud.services.executions.tail import Notice, Tail
from picloud.services.paging import MAX_LIMIT, Page, PageRequest
from picloud.services.trouble import passes
from picloud.views.api import api, query_text, runtime
from picloud.views.executions import narrowed_to, shape
from picloud.views.strict_query import refuse_unknown

RETRY_MS = 2_000
"""After so long a client whose stream broke comes again."""
HEARTBEAT_S = 1.5
"""A proxy may keep us when its client hangs up: only a write, the second or third, tells it."""
RIGHTS_S = 20.0
"""Between two looks whether the client may still see this."""
LOOK_UP_S = 1.5
"""Between two looks whether the client is still there."""
MISSED_MAX = MAX_LIMIT

_LAST_ID = "Last-Event-ID"
_NOTICES: dict[Notice, tuple[str, dict[str, str]]] = {
    Notice.AWAY: ("database", {"state": "away"}),
    Notice.BACK: ("database", {"state": "back"}),
    Notice.LOST: ("gap", {"reason": "too_slow"}),
    Notice.END: ("end", {"reason": "stopping"}),
}


@api("execution_stream", "GET", Capability.LOG_READ)
def stream(request: Request) -> Response:
    narrowed = narrowed_to(request)
    last = _last_seen(request)
    refuse_unknown(request)
    app = request.context.app
    feed = runtime(request).execution_feed
    tail = feed.open(app.id, narrowed)
    try:
        missed = ExecutionService(request.db, app).since(PageRequest(MISSED_MAX, last), narrowed) if last else None
    except BaseException:
        feed.leave(tail)
        raise
    events = _Stream(tail, _Client(request), missed, lambda: feed.leave(tail))
    response = Response(app_iter=events, content_type="text/event-stream", charset="utf-8")
    response.headers["X-Accel-Buffering"] = "no"  # for proxies that would gather before they send
    return response


def _last_seen(request: Request) -> UUID | None:
    """The header's, or the query's `after` for a first stream. Raises Invalid."""
    after = query_text(request, "after")
    given = request.headers.get(_LAST_ID) or after
    last = ids.parse(given) if given else None
    if given and last is None:
        raise invalid("/after" if given == after else f"/{_LAST_ID}", "is no execution's id")
    return last


class _Client:
    """Who reads: whether they are still there, and still may."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._app_id: UUID = request.context.app.id
        self._hung_up: Callable[[], bool] = request.environ.get("waitress.client_disconnected", lambda: False)

    def is_gone(self) -> bool:
        return self._hung_up()

    def may_read(self) -> bool:
        """While the database is away nothing is shown and nobody can tell."""
        try:
            with runtime(self._request).sessions() as session:
                return still_permits(self._request, session, self._app_id, Capability.LOG_READ)
        except Exception as error:
            if passes(error):
                return True
            raise


class _Stream:
    """The body of the answer. Whatever becomes of it, even if nobody ever reads it, its seat is given back."""

    def __init__(self, tail: Tail, client: _Client, missed: Page[Execution] | None, leave: Callable[[], None]) -> None:
        self._tail = tail
        self._client = client
        self._missed = missed
        self._newest: UUID | None = None
        self._known: set[UUID] = set()
        self._left = weakref.finalize(self, leave)

    def close(self) -> None:
        self._left()

    def __iter__(self) -> Iterator[bytes]:
        yield b"retry: %d\n\n" % RETRY_MS
        if self._missed:
            yield from self._catch_up(self._missed)
        sent_at = checked_at = time.monotonic()
        while not self._client.is_gone():
            taken = self._tail.take(LOOK_UP_S)
            now = time.monotonic()
            if now - checked_at >= RIGHTS_S:
                checked_at = now
                if not self._client.may_read():
                    yield _event("end", {"reason": "not_allowed"})
                    return
            if taken:
                sent_at = now
                yield b"".join(self._lines(taken))
                if Notice.END in taken:
                    return
            elif now - sent_at >= HEARTBEAT_S:
                sent_at = now
                yield b":\n\n"

    def _catch_up(self, missed: Page[Execution]) -> Iterator[bytes]:
        self._known = {execution.id for execution in missed.items}
        for execution in missed.items:
            yield self._execution(execution)
        if missed.next is not None:
            yield _event("gap", {"reason": "too_many_missed", "after": missed.next})

    def _lines(self, taken: Sequence[Execution | Notice]) -> Iterator[bytes]:
        for item in taken:
            if isinstance(item, Notice):
                yield _event(*_NOTICES[item])
            elif item.id not in self._known:
                yield self._execution(item)

    def _execution(self, execution: Execution) -> bytes:
        """One that was committed late has no `id:` line: the client's place in the stream never goes back."""
        late = self._newest is not None and execution.id < self._newest
        self._newest = self._newest if late else execution.id
        return (b"" if late else b"id: %s\n" % str(execution.id).encode()) + _event("execution", shape(execution))


def _event(name: str, data: dict[str, Any]) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (name.encode(), msgspec.json.encode(data))
