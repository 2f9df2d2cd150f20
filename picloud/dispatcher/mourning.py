"""Deliveries to the dead-letter triggers of an app, for one that has failed for good."""

import json
from typing import Any
from uuid import UUID

from psycopg2.extensions import cursor as Cursor

from picloud.dispatcher.claim import Claimed
from picloud.dispatcher.verdict import Dead
from picloud.domain.clock import rfc3339, utc_now
from picloud.domain.delivery import MAX_DEPTH
from picloud.domain.kinds import EventKind
from picloud.services.code.app_code import AppCode
from picloud.services.delivery.outbox import enqueue_values
from picloud.services.delivery.outbox_sql import ENQUEUE_BY_CURSOR

Values = dict[str, Any]


def letters(app: AppCode, claimed: Claimed, verdict: Dead, payload: str | None, backlog_max: int) -> tuple[Values, ...]:
    """What to write with the dead letter. A failed dead-letter handler, and a chain that is too long, gets none."""
    trigger_id = UUID(claimed.trigger_id) if claimed.trigger_id else None
    wanted = [item.trigger for item in app.triggers.dead_letter if item.wants(claimed.kind, trigger_id)]
    if not wanted or claimed.depth >= MAX_DEPTH:
        return ()
    script = app.scripts.get(claimed.script_id)
    event = claimed.event("null") | {claimed.kind.value: json.loads(payload or "null")}
    content = {
        "event": event,
        "error": verdict.error,
        "attempts": claimed.attempts.attempt,
        "script": script.name if script else "",
        "failed_at": rfc3339(utc_now()),
    }
    return tuple(
        enqueue_values(
            app.app_id,
            trigger.script_id,
            EventKind.DEAD_LETTER,
            content,
            trigger.policy,
            trigger_id=trigger.id,
            principal_id=trigger.registered_by,
            trace_id=UUID(claimed.trace_id),
            depth=claimed.depth + 1,
            backlog_max=backlog_max,
        )
        for trigger in wanted
    )


def send(cursor: Cursor, values: Values) -> None:
    """One letter, in the transaction that writes the dead letter. A full backlog leaves it out: the dead letter stays."""
    cursor.execute(ENQUEUE_BY_CURSOR, {k: str(v) if isinstance(v, UUID) else v for k, v in values.items()})
