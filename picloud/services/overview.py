"""What happened of late, in figures."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from picloud.domain.ids import lower_bound

_RUNS = text("""
    SELECT count(*) AS runs, count(*) FILTER (WHERE status <> 'ok') AS failed,
           percentile_cont(0.95) WITHIN GROUP (ORDER BY wall_ms) AS p95_ms
    FROM executions WHERE id >= :since AND (:everything OR app_id = ANY (:app_ids))
""")
_QUEUE = text("""
    SELECT count(*) AS waiting, extract(epoch FROM now() - min(due) FILTER (WHERE due <= now()))::float8 AS oldest_s
    FROM outbox WHERE :everything OR app_id = ANY (:app_ids)
""")
_DEAD = text("""
    SELECT count(*) FROM dead_letters WHERE state = 'dead' AND (:everything OR app_id = ANY (:app_ids))
""")


@dataclass(frozen=True, slots=True)
class Figures:
    """Of the last day. `oldest_s`: how long the first of what is due has waited."""

    runs: int
    failed: int
    p95_ms: float | None
    waiting: int
    oldest_s: float | None
    dead: int


class OverviewService:
    """`app_ids`: the apps to count; None: all of them."""

    def __init__(self, session: Session, app_ids: Sequence[UUID] | None) -> None:
        self._session = session
        self._scope = {"everything": app_ids is None, "app_ids": list(app_ids or ())}

    def figures(self, now: datetime) -> Figures:
        runs = self._session.execute(_RUNS, {"since": lower_bound(now - timedelta(days=1)), **self._scope}).one()
        queue = self._session.execute(_QUEUE, self._scope).one()
        dead = self._session.execute(_DEAD, self._scope).scalar_one()
        return Figures(runs.runs, runs.failed, runs.p95_ms, queue.waiting, queue.oldest_s, dead)
