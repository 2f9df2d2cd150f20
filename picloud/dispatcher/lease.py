"""Keeping deliveries in hand, and getting them back from nodes that are gone."""

from collections.abc import Sequence

from psycopg2.extensions import cursor as Cursor

from picloud.dispatcher.claim import Claimed, by_key
from picloud.models.node import LIVE_EPOCHS

_EXTEND = """
    UPDATE outbox AS o SET due = now() + make_interval(secs => %s)
    FROM unnest(%s::uuid[], %s::int[]) AS r(id, attempt)
    WHERE o.id = r.id AND o.attempt = r.attempt AND o.epoch = %s RETURNING o.id::text
"""

_FREE_LOST = f"""
    UPDATE outbox SET due = now() WHERE epoch IS NOT NULL AND due > now() AND epoch NOT IN ({LIVE_EPOCHS})
"""  # noqa: S608

_FREE_OWN = """
    UPDATE outbox AS o SET due = now(), epoch = NULL, attempt = attempt - 1
    WHERE epoch = %s AND NOT EXISTS (
        SELECT 1 FROM unnest(%s::uuid[], %s::int[]) AS r(id, attempt) WHERE o.id = r.id AND o.attempt = r.attempt)
"""


def extend(cursor: Cursor, epoch: int, rows: Sequence[Claimed], lease_s: float) -> set[str]:
    """Renew the leases of `rows`. The ids of those that are still ours."""
    cursor.execute(_EXTEND, (lease_s, *by_key(rows), epoch))
    return {row[0] for row in cursor.fetchall()}


def free_lost(cursor: Cursor) -> int:
    """Make due at once what nodes hold that are not alive any more. How many deliveries that were."""
    cursor.execute(_FREE_LOST)
    return int(cursor.rowcount)


def free_own(cursor: Cursor, epoch: int, in_hand: Sequence[Claimed]) -> None:
    """Give back what `epoch` claimed without knowing: the connection broke before the claim's commit was confirmed."""
    cursor.execute(_FREE_OWN, (epoch, *by_key(in_hand)))
