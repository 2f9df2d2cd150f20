"""Who watches an app is told of its executions as they are committed: within this process, without a query."""

import time
from collections.abc import Iterable, Sequence
from threading import Condition
from uuid import UUID

import msgspec

from picloud.domain.clock import utc_now
from picloud.domain.errors import Unavailable
from picloud.domain.ids import lower_bound
from picloud.models import Execution
from picloud.services.executions.executions import ExecutionFilter
from picloud.services.executions.rows import ExecutionRow
from picloud.services.executions.tail import Notice, Tail

_PLAIN = (
    "id",
    "app_id",
    "delivery_id",
    "trigger_id",
    "script",
    "version",
    "kind",
    "attempt",
    "status",
    "started_at",
    "wall_ms",
    "cpu_ms",
    "memory_peak_bytes",
    "trace_id",
)
_IDS = ("delivery_id", "trigger_id", "trace_id")
"""May be texts in a row."""


class ExecutionFeed:
    """Safe for threads. While nobody watches, it does nothing and keeps nothing."""

    def __init__(self, *, most: int = 12) -> None:
        """`most`: how many may watch at the same time."""
        self._most = most
        self._changed = Condition()
        self._tails: tuple[Tail, ...] = ()
        self._told: set[UUID] = set()
        self._closed = False
        self._away = False

    def open(self, app_id: UUID, narrowed: ExecutionFilter) -> Tail:
        """What of the app is committed from now on. Raises Unavailable when too many watch. Close it in any case."""
        tail = Tail(app_id, narrowed, lower_bound(utc_now()))
        with self._changed:
            if self._closed or len(self._tails) >= self._most:
                detail = f"At most {self._most} streams are open at a time. The list tells the same when it is asked."
                raise Unavailable(detail, retry_after_s=10, code="too_many_streams")
            self._tails += (tail,)
            self._changed.notify_all()
        return tail

    def leave(self, tail: Tail) -> None:
        """It watches no more. Again is nothing."""
        with self._changed:
            self._tails = tuple(other for other in self._tails if other is not tail)
            if not self._tails:
                self._told.clear()
                self._changed.notify_all()

    @property
    def watched(self) -> set[UUID]:
        """The apps that somebody watches."""
        return {tail.app_id for tail in self._tails}

    def committed(self, rows: Sequence[ExecutionRow]) -> None:
        """The rows are committed by this process. Quick; never raises."""
        if self._tails:
            self._tell(rows)

    def found(self, executions: Sequence[Execution]) -> None:
        """Other nodes have committed them."""
        self._tell(executions)

    def untold(self, ids: Iterable[UUID], oldest: UUID) -> list[UUID]:
        """Those of `ids` that nobody was told of. What is older than `oldest` is asked for no more."""
        with self._changed:
            self._told = {id_ for id_ in self._told if id_ >= oldest}
            return [id_ for id_ in ids if id_ not in self._told]

    def database(self, *, away: bool) -> None:
        """Tell all once that the database went away, or came back."""
        with self._changed:
            if away != self._away:
                self._notice(Notice.AWAY if away else Notice.BACK)
            self._away = away

    def close(self) -> None:
        """Every stream ends, and none begins any more."""
        with self._changed:
            self._closed = True
            self._notice(Notice.END)
            self._changed.notify_all()

    def wait_until_watched(self) -> bool:
        """False: closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._tails)
            return not self._closed

    def wait_until_left(self, timeout_s: float) -> bool:
        """Whether nobody watches any more, or it was closed, within `timeout_s`."""
        with self._changed:
            return self._changed.wait_for(lambda: self._closed or not self._tails, timeout_s)

    def _tell(self, ended: Sequence[ExecutionRow] | Sequence[Execution]) -> None:
        now = time.monotonic()
        with self._changed:
            for one in ended:
                tails = [tail for tail in self._tails if tail.app_id == one.app_id]
                if not tails or one.id in self._told:
                    continue
                self._told.add(one.id)
                execution = _execution(one) if isinstance(one, ExecutionRow) else one
                for tail in tails:
                    tail.put(execution, now, own=execution is not one)

    def _notice(self, notice: Notice) -> None:
        for tail in self._tails:
            tail.say(notice)


def _execution(row: ExecutionRow) -> Execution:
    """As the list would read it from the database: without what went in and came out."""
    plain = {name: getattr(row, name) for name in _PLAIN}
    plain |= {name: UUID(str(plain[name])) for name in _IDS if plain[name] is not None}
    error = msgspec.json.decode(row.error) if row.error else None
    return Execution(**plain, limits=msgspec.json.decode(row.limits), error=error)
