"""What happened of late, in figures."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, Row, text
from sqlalchemy.orm import Session

from picloud.domain.ids import lower_bound
from picloud.services.instance.hours import Hour, HourCache

_FAILURES_MAX = 5
_QUEUE = text("""
    SELECT count(*) AS waiting, extract(epoch FROM now() - min(due) FILTER (WHERE due <= now()))::float8 AS oldest_s
    FROM outbox WHERE :everything OR app_id = ANY (:app_ids)
""")
_DEAD = text("""
    SELECT count(*) FROM dead_letters WHERE state = 'dead' AND (:everything OR app_id = ANY (:app_ids))
""")
_FAILURES = text("""
    SELECT x.id, a.slug AS app, x.script, x.status, x.started_at, x.error
    FROM executions x JOIN apps a ON a.id = x.app_id
    WHERE x.id >= :since AND x.id < :until AND x.status <> 'ok' AND (:everything OR x.app_id = ANY (:app_ids))
    ORDER BY x.id DESC LIMIT :most
""").columns(error=JSON)
_CRONS = text("""
    SELECT t.id AS trigger_id, a.slug AS app, s.name AS script, c.schedule, c.next_at
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
           OR EXISTS (SELECT FROM triggers WHERE deleted_at IS NULL AND (:everything OR app_id = ANY (:app_ids))) AS cause,
           EXISTS (SELECT FROM executions WHERE :everything OR app_id = ANY (:app_ids)) AS run
""")


@dataclass(frozen=True, slots=True)
class Figures:
    """Of the last 24 hours, the current one included. `p95_ms`: of the last hour in which something ran. `waiting`: now;
    `oldest_s`: how long the first of what is due has waited. `dead`: dead letters that there are."""

    runs: int
    failed: int
    p95_ms: float | None
    waiting: int
    oldest_s: float | None
    dead: int


@dataclass(frozen=True, slots=True)
class Steps:
    """What a newcomer has done. `cause`: a route or a trigger."""

    app: bool
    script: bool
    cause: bool
    run: bool


class OverviewService:
    """`app_ids`: the apps to count; None: all of them."""

    def __init__(self, session: Session, app_ids: Sequence[UUID] | None) -> None:
        self._session = session
        self._scope = {"everything": app_ids is None, "app_ids": list(app_ids or ())}

    def hours(self, cache: HourCache, now: datetime) -> Sequence[Hour]:
        return cache.last_day(self._session, self._scope, now)

    def figures(self, hours: Sequence[Hour]) -> Figures:
        queue = self._session.execute(_QUEUE, self._scope).one()
        dead = self._session.execute(_DEAD, self._scope).scalar_one()
        runs, failed = sum(hour.runs for hour in hours), sum(hour.failed for hour in hours)
        p95_ms = next((hour.p95_ms for hour in reversed(hours) if hour.p95_ms is not None), None)
        return Figures(runs, failed, p95_ms, queue.waiting, queue.oldest_s, dead)

    def failures(self, hours: Sequence[Hour]) -> Sequence[Row[Any]]:
        """The last five: `id`, `app`, `script`, `status`, `started_at`, `error`. Hours without any are not searched."""
        failed, found = [hour for hour in reversed(hours) if hour.failed], list[Row[Any]]()
        for hour in failed[:_FAILURES_MAX]:
            bounds = {"since": lower_bound(hour.at), "until": lower_bound(hour.at + timedelta(hours=1))}
            most = {"most": _FAILURES_MAX - len(found)}
            found += self._session.execute(_FAILURES, bounds | most | self._scope)
        return found

    def crons(self) -> Sequence[Row[Any]]:
        """The next five: `trigger_id`, `app`, `script`, `schedule`, `next_at`."""
        return self._session.execute(_CRONS, self._scope).all()

    def steps(self) -> Steps:
        return Steps(*self._session.execute(_STEPS, self._scope).one())
