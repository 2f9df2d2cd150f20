"""Writes down how deliveries went. Every change is fenced: who has lost a delivery writes nothing about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from psycopg2.extensions import cursor as Cursor

from picloud.dispatcher.claim import Claimed, by_key
from picloud.dispatcher.mourning import Values, send
from picloud.dispatcher.verdict import Dead, Delivered, PutBack, Retry, Verdict
from picloud.domain.text import clean
from picloud.services.array_literal import array_literal
from picloud.services.code.prepared import Prepared
from picloud.services.delivery.outbox_sql import DELIVERY_COLUMNS, EVENT_COPY, delivery_columns_of
from picloud.services.executions.rows import ExecutionRow, insert_executions

# Each by its key: an equality would let the index of what is held be gone through for every one of them.
_FENCE = "o.id = r.id AND o.attempt = r.attempt AND o.epoch IS NOT DISTINCT FROM $1::bigint"
_DELIVERED = Prepared(
    "picloud_delivered",
    f"""
    DELETE FROM outbox AS o USING unnest($2::uuid[], $3::int[]) AS r(id, attempt) WHERE {_FENCE} RETURNING o.id::text
    """,  # noqa: S608
)
_RETRY = Prepared(
    "picloud_retry",
    f"""
    UPDATE outbox AS o SET due = now() + make_interval(secs => r.delay_s), epoch = NULL, manual = false
    FROM unnest($2::uuid[], $3::int[], $4::float8[]) AS r(id, attempt, delay_s) WHERE {_FENCE} RETURNING o.id::text
    """,  # noqa: S608
)
_PUT_BACK = Prepared(
    "picloud_put_back",
    f"""
    UPDATE outbox AS o SET due = now() + make_interval(secs => r.delay_s), epoch = NULL, attempt = o.attempt - 1
    FROM unnest($2::uuid[], $3::int[], $4::float8[]) AS r(id, attempt, delay_s) WHERE {_FENCE} RETURNING o.id::text
    """,  # noqa: S608
)
# Where there was no run now, the version that ran before.
_RAN_BEFORE = """(
    SELECT x.version FROM executions AS x WHERE x.app_id = gone.app_id AND x.delivery_id = gone.id AND x.version > 0
    ORDER BY x.id DESC LIMIT 1)"""
# The attempt that is written down is the last one that ran, which is not always the one that was claimed.
_DEAD = Prepared(
    "picloud_dead",
    f"""
    WITH gone AS (
        DELETE FROM outbox AS o
        USING unnest($2::uuid[], $3::int[], $4::int[], $5::json[], $6::int[]) AS r(id, attempt, ran, error, version)
        WHERE {_FENCE} RETURNING {delivery_columns_of("o").replace("o.attempt", "r.ran AS attempt")}, r.error, r.version
    )
    INSERT INTO dead_letters ({DELIVERY_COLUMNS}, state, event, error, trace_id, version)
    SELECT {delivery_columns_of("gone")}, 'dead', {EVENT_COPY}, gone.error, e.trace_id,
           coalesce(gone.version, {_RAN_BEFORE})
    FROM gone LEFT JOIN events AS e ON e.id = gone.event_id RETURNING id::text
    """,  # noqa: S608
)


@dataclass(frozen=True, slots=True)
class Ended:
    """A delivery that is to leave our hands. `row`: the attempt's record, where there was a run.

    `settled`: that was done already, together with the effects of the run. `letters`: for the app's dead-letter triggers.
    """

    claimed: Claimed
    verdict: Verdict
    row: ExecutionRow | None = None
    settled: bool = False
    letters: tuple[Values, ...] = ()


def settle(cursor: Cursor, epoch: int, ended: Sequence[Ended]) -> list[Ended]:
    """Carry out the verdicts, and record the runs. Those that were still ours. Commit is the caller's."""
    done = _delivered(cursor, epoch, [item for item in ended if isinstance(item.verdict, Delivered)])
    done |= _postponed(cursor, epoch, _RETRY, [item for item in ended if isinstance(item.verdict, Retry)])
    done |= _postponed(cursor, epoch, _PUT_BACK, [item for item in ended if isinstance(item.verdict, PutBack)])
    done |= _dead(cursor, epoch, [item for item in ended if isinstance(item.verdict, Dead)])
    settled = [item for item in ended if item.claimed.id in done]
    insert_executions(cursor, [item.row for item in settled if item.row])
    for item in settled:
        for letter in item.letters:
            send(cursor, letter)
    return settled


def _delivered(cursor: Cursor, epoch: int, items: Sequence[Ended]) -> set[str]:
    return _changed(cursor, _DELIVERED, (epoch, *_keys(items))) if items else set()


def _postponed(cursor: Cursor, epoch: int, statement: Prepared, items: Sequence[Ended]) -> set[str]:
    delays = (item.verdict.delay_s for item in items if isinstance(item.verdict, Retry | PutBack))
    return _changed(cursor, statement, (epoch, *_keys(items), array_literal(delays))) if items else set()


def _dead(cursor: Cursor, epoch: int, items: Sequence[Ended]) -> set[str]:
    ran = (item.claimed.attempts.attempt - (item.row is None) for item in items)
    errors = (_searchable(item.verdict.error) for item in items if isinstance(item.verdict, Dead))
    versions = (item.row.version or None if item.row else None for item in items)
    parameters = (epoch, *_keys(items), *map(array_literal, (ran, errors, versions)))
    return _changed(cursor, _DEAD, parameters) if items else set()


def _searchable(error: dict[str, Any]) -> str:
    """JSON that PostgreSQL can look into."""
    return msgspec.json.encode(clean(error)).decode()


def _keys(items: Sequence[Ended]) -> tuple[str, str]:
    return by_key([item.claimed for item in items])


def _changed(cursor: Cursor, statement: Prepared, parameters: tuple[object, ...]) -> set[str]:
    statement.execute(cursor, *parameters)
    return {row[0] for row in cursor.fetchall()}
