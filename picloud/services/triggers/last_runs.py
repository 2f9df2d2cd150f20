"""How triggers did of late, from the executions that are kept: one look in an index for each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

FAILURES_MAX = 100
"""As far as failures in a row are counted."""

# Failures are looked for only where the last run is one: each costs a row of the history.
_LAST_RUNS = text("""
    SELECT run.trigger_id, run.id AS execution_id, run.delivery_id, run.started_at, run.status, letter.id AS letter_id,
      CASE WHEN run.status = 'ok' THEN 0 ELSE (
        SELECT count(*) FROM (
          SELECT bool_or(status = 'ok') OVER (ORDER BY id DESC) AS was_well FROM (
            SELECT id, status FROM executions WHERE trigger_id = run.trigger_id ORDER BY id DESC LIMIT :most) AS newest
        ) AS judged WHERE NOT was_well) END AS failures
    FROM unnest(CAST(:ids AS uuid[])) AS asked(id)
    CROSS JOIN LATERAL (
      SELECT id, trigger_id, delivery_id, started_at, status FROM executions
      WHERE trigger_id = asked.id ORDER BY id DESC LIMIT 1) AS run
    LEFT JOIN dead_letters AS letter ON letter.id = run.delivery_id AND letter.state <> 'cancelled'
""")


class LastResult(StrEnum):
    """How the last run ended: well, badly and to be tried again, or badly for good."""

    OK = "ok"
    FAILED = "failed"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class LastRun:
    """`failures_in_a_row`: runs since the last that ended well, up to FAILURES_MAX. Nothing where none is kept."""

    last_fired_at: datetime | None = None
    last_result: LastResult | None = None
    last_execution_id: UUID | None = None
    last_delivery_id: UUID | None = None
    failures_in_a_row: int = 0


def last_runs(session: Session, trigger_ids: Sequence[UUID]) -> Mapping[UUID, LastRun]:
    """Of each of these triggers."""
    rows = session.execute(_LAST_RUNS, {"ids": [str(each) for each in trigger_ids], "most": FAILURES_MAX})
    found = {
        row.trigger_id: LastRun(
            row.started_at, _result(row.status, row.letter_id), row.execution_id, row.delivery_id, row.failures
        )
        for row in rows
    }
    return dict.fromkeys(trigger_ids, LastRun()) | found


def _result(status: str, letter_id: UUID | None) -> LastResult:
    if status == "ok":
        return LastResult.OK
    return LastResult.DEAD if letter_id else LastResult.FAILED
