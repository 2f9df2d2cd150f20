"""One line about what each run was started with, without reading the events: they can be large."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.exc import DataError
from sqlalchemy.orm import Session

from picloud.models import App

_SUMMARIES = text("""
    SELECT id, left(CASE kind
        WHEN 'http' THEN concat_ws(' ', part ->> 'method', part ->> 'path')
        WHEN 'email' THEN concat_ws(': ', part ->> 'from', part ->> 'subject')
        WHEN 'kv' THEN concat(part ->> 'op', ' ', part ->> 'collection', '/', part ->> 'key')
        WHEN 'cron' THEN part ->> 'schedule'
        WHEN 'queue' THEN part ->> 'name'
        WHEN 'dead_letter' THEN concat_ws(': ', part ->> 'script', part -> 'error' ->> 'message')
        ELSE '' END, 120) AS summary
    FROM (
        SELECT x.id, x.kind, coalesce(x.event -> x.kind, e.payload) AS part
        FROM executions x LEFT JOIN events e ON e.id = x.event_id
        WHERE x.app_id = :app_id AND x.id = ANY (:ids)
    ) AS inputs
""")


def input_summaries(session: Session, app: App, execution_ids: Sequence[UUID]) -> dict[UUID, str]:
    """By execution; at most 120 characters each. None for what PostgreSQL can't look into, such as escaped NULs."""
    try:
        with session.begin_nested():
            rows = session.execute(_SUMMARIES, {"app_id": app.id, "ids": list(execution_ids)})
            return {row.id: row.summary for row in rows if row.summary}
    except DataError:
        if len(execution_ids) == 1:
            return {}
    each = [input_summaries(session, app, [execution_id]) for execution_id in execution_ids]
    return {execution_id: summary for found in each for execution_id, summary in found.items()}
