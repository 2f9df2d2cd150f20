"""Events that really came, to try scripts out with."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from pyramid.request import Request

from picloud.models import Execution
from picloud.services.executions.executions import ExecutionFilter, ExecutionService
from picloud.services.executions.input_summaries import input_summaries
from picloud.services.paging import PageRequest

LOOKED_AT = 100
OF_A_KIND = 8


class RecentEvent(NamedTuple):
    execution_id: UUID
    script: str
    summary: str
    started_at: datetime


def recent_events(request: Request) -> dict[str, list[RecentEvent]]:
    """By kind, newest first: among the app's last runs, at most 8 of each."""
    app = request.context.app
    page = ExecutionService(request.db, app).list(PageRequest(LOOKED_AT, None), ExecutionFilter())
    chosen: dict[str, list[Execution]] = {}
    for execution in page.items:
        of_kind = chosen.setdefault(execution.kind, [])
        if len(of_kind) < OF_A_KIND:
            of_kind.append(execution)
    ids = [execution.id for of_kind in chosen.values() for execution in of_kind]
    summaries = input_summaries(request.db, app, ids)
    return {
        kind: [RecentEvent(each.id, each.script, summaries.get(each.id, ""), each.started_at) for each in of_kind]
        for kind, of_kind in chosen.items()
    }
