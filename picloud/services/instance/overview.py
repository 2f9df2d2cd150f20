"""What happened of late, in figures."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, Row, text
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
_FAILURES = text("""
    SELECT x.id, a.slug, x.script, x.status, x.started_at, x.error
    FROM executions x JOIN apps a ON a.id = x.app_id
    WHERE x.id >= :since AND x.status <> 'ok' AND (:everything OR x.app_id = ANY (:app_ids))
    ORDER BY x.id DESC LIMIT 5
""").columns(error=JSON)
_CRONS = text("""
    SELECT t.id, a.slug, s.name AS script, c.schedule, c.next_at
    FROM cron_trigger_details c
    JOIN triggers t ON t.id = c.trigger_id
    JOIN scripts s ON s.id = t.script_id
    JOIN apps a ON a.id = t.app_id
    WHERE t.enabled AND c.next_at IS NOT NULL AND (:everything OR t.app_id = ANY (:app_ids))
    ORDER BY c.next_at LIMIT 5
""")
_STEPS = text("""
    SELECT EXISTS (SELECT FROM apps WHERE :everything OR id = ANY (:app_ids)) AS app,
           EXISTS (SELECT FROM scripts WHERE :everything OR app_id = ANY (:app_ids)) AS script,
           EXISTS (SELECT FROM routes WHERE :everything OR app_id = ANY (:app_ids))
           OR EXISTS (SELECT FROM triggers WHERE :everything OR app_id = ANY (:app_ids)) AS cause,
           EXISTS (SELECT FROM executions WHERE :everything OR app_id = ANY (:app_ids)) AS run
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

    def failures(self, now: datetime) -> Sequence[Row[Any]]:
        """The last five of a day: `id`, `slug`, `script`, `status`, `started_at`, `error`."""
        since = {"since": lower_bound(now - timedelta(days=1))}
        return self._session.execute(_FAILURES, since | self._scope).all()

    def crons(self) -> Sequence[Row[Any]]:
        """The next five: `id` of the trigger, `slug`, `script`, `schedule`, `next_at`."""
        return self._session.execute(_CRONS, self._scope).all()

    def steps(self) -> Row[Any]:
        """What a newcomer has done: `app`, `script`, `cause` (a route or a trigger), `run`."""
        return self._session.execute(_STEPS, self._scope).one()
