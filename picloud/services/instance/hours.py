"""What ran in each of the last 24 hours. An hour that is over is counted once and remembered: a day of runs is not read
again for each look at it.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from picloud.domain.ids import lower_bound

HOURS = 24
_SETTLED = timedelta(minutes=1)
"""So long after its end an hour may still get rows: they are written in batches."""
_KEPT = 64 * HOURS

Scope = Mapping[str, Any]
"""`everything`, or `app_ids`."""

_MINE = "id >= :since AND id < :until AND (:everything OR app_id = ANY (:app_ids))"


def _moment(id_: str) -> str:
    """An expression: the time in a UUIDv7, in seconds."""
    return f"('x0000' || translate(left({id_}::text, 13), '-', ''))::bit(64)::bigint / 1000.0"


_RUNS = text(f"""
    SELECT floor({_moment("id")} / 3600)::bigint AS hour, count(*) AS runs, count(*) FILTER (WHERE status <> 'ok') AS failed,
           percentile_cont(0.95) WITHIN GROUP (ORDER BY wall_ms) AS p95_ms,
           max(extract(epoch FROM started_at) - {_moment("event_id")}) FILTER (WHERE delivery_id IS NOT NULL
               AND attempt = 1)::float8 AS longest_wait_s
    FROM executions WHERE {_MINE} GROUP BY 1
""")  # noqa: S608
# Who waited at the full hour for a run, the first one or another: only these make rows. An attempt after the last one that
# the policy granted is a replay's: before it there was a dead letter, which waited for nothing.
_CROSSED = text(f"""
    SELECT hour, waited AS at, count(*) AS waiting FROM (
        SELECT floor({_moment("ran.id")} / 3600)::bigint AS hour,
               floor({_moment("coalesce(before.id, ran.event_id)")} / 3600)::bigint AS came,
               floor(extract(epoch FROM ran.started_at) / 3600)::bigint AS began
        FROM (SELECT id, app_id, delivery_id, event_id, attempt, started_at FROM executions
              WHERE {_MINE} AND delivery_id IS NOT NULL) AS ran
        LEFT JOIN LATERAL (
            SELECT x.id, x.attempt >= x.max_attempts AS was_last FROM executions AS x
            WHERE ran.attempt > 1 AND x.app_id = ran.app_id AND x.delivery_id = ran.delivery_id AND x.id < ran.id
            ORDER BY x.id DESC LIMIT 1) AS before ON true
        WHERE before.was_last IS NOT TRUE
    ) AS ran, LATERAL generate_series(greatest(came + 1, :first), began) AS waited
    WHERE began > came GROUP BY 1, 2
""")  # noqa: S608
_WAITING = text(f"""
    SELECT floor({_moment("coalesce(before.id, o.event_id)")} / 3600)::bigint AS came, count(*) AS waiting
    FROM outbox AS o
    LEFT JOIN LATERAL (
        SELECT x.id FROM executions AS x
        WHERE o.attempt > 0 AND x.app_id = o.app_id AND x.delivery_id = o.id AND x.id >= :since_id
        ORDER BY x.id DESC LIMIT 1) AS before ON true
    WHERE o.epoch IS NULL AND (:everything OR o.app_id = ANY (:app_ids)) GROUP BY 1
""")  # noqa: S608
_DEAD = text("""
    SELECT floor(extract(epoch FROM failed_at) / 3600)::bigint AS hour, count(*) AS dead FROM dead_letters
    WHERE failed_at >= :since AND state <> 'cancelled' AND (:everything OR app_id = ANY (:app_ids)) GROUP BY 1
""")


@dataclass(slots=True)
class Hour:
    """From `at`. `waiting`: deliveries that waited for a run at its end, or now, retries included. `longest_wait_s`: of
    those that had their first one in this hour, planned delays included. `dead`: deliveries that failed for good."""

    at: datetime
    runs: int = 0
    failed: int = 0
    p95_ms: float | None = None
    longest_wait_s: float | None = None
    waiting: int = 0
    dead: int = 0


@dataclass(slots=True)
class _Counted:
    """`crossed`: how many of the runs of this hour waited at which full hours."""

    runs: int = 0
    failed: int = 0
    p95_ms: float | None = None
    longest_wait_s: float | None = None
    crossed: dict[int, int] = field(default_factory=dict)


class HourCache:
    def __init__(self) -> None:
        self._lock = Lock()
        self._counted: OrderedDict[tuple[object, int], _Counted] = OrderedDict()

    def last_day(self, session: Session, scope: Scope, now: datetime) -> Sequence[Hour]:
        """The hour of `now` and the 23 before, oldest first."""
        current = int(now.timestamp()) // 3600
        numbers = range(current - HOURS + 1, current + 1)
        counted = self._runs(session, scope, numbers, now)
        hours = [_hour(now, number, counted[number]) for number in numbers]
        since = {"since": hours[0].at}
        dead = {row.hour: row.dead for row in session.execute(_DEAD, {**scope, **since})}
        came = {
            row.came: row.waiting for row in session.execute(_WAITING, {**scope, "since_id": lower_bound(hours[0].at)})
        }
        for number, hour in zip(numbers, hours, strict=True):
            hour.dead = dead.get(number, 0)
            hour.waiting = sum(item.crossed.get(number + 1, 0) for item in counted.values())
            hour.waiting += sum(waiting for began, waiting in came.items() if began <= number)
        return hours

    def _runs(self, session: Session, scope: Scope, numbers: range, now: datetime) -> dict[int, _Counted]:
        key = None if scope["everything"] else tuple(sorted(scope["app_ids"]))
        with self._lock:
            known = {number: self._counted[key, number] for number in numbers if (key, number) in self._counted}
        first = next(number for number in numbers if number not in known)
        fresh = _count(session, scope, range(first, numbers.stop), numbers.start + 1)
        settled = int((now - _SETTLED).timestamp()) // 3600
        with self._lock:
            for number in fresh.keys() & set(range(settled)):
                self._counted[key, number] = fresh[number]
            while len(self._counted) > _KEPT:
                self._counted.popitem(last=False)
        return known | fresh


def _count(session: Session, scope: Scope, numbers: range, first: int) -> dict[int, _Counted]:
    since, until = (lower_bound(_start(number)) for number in (numbers.start, numbers.stop))
    values = {**scope, "since": since, "until": until}
    found = {number: _Counted() for number in numbers}
    for row in session.execute(_RUNS, values):
        found[row.hour] = _Counted(row.runs, row.failed, row.p95_ms, row.longest_wait_s)
    for row in session.execute(_CROSSED, values | {"first": first}):
        found[row.hour].crossed[row.at] = row.waiting
    return found


def _hour(now: datetime, number: int, counted: _Counted) -> Hour:
    at = _start(number).astimezone(now.tzinfo)
    return Hour(at, counted.runs, counted.failed, counted.p95_ms, counted.longest_wait_s)


def _start(number: int) -> datetime:
    return datetime.fromtimestamp(number * 3600, UTC)
