"""The attempts at a delivery, as its own page and the pages of its runs show them, live until it has ended."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from pyramid.request import Request

from picloud.domain.delivery import DeliveryState
from picloud.views import deliveries, executions
from picloud.views.dashboard.twin import read_at

OPEN = frozenset({DeliveryState.READY, DeliveryState.RUNNING, DeliveryState.RETRYING})
SOONEST, LATEST = timedelta(milliseconds=1_500), timedelta(minutes=1)
"""After so long an open delivery is looked at again: the stream tells of ends, and of no beginnings."""


def attempts_at(request: Request, delivery: Mapping[str, Any]) -> dict[str, Any]:
    """For the template's `attempts`: the newest run, the stream that tells of the next one, and when to look again; these
    two are None for a delivery that has ended."""
    tries = delivery["attempts"]
    newest = read_at(request, executions.read, tries[-1]["execution_id"]) if tries else None
    shown = {"delivery": delivery, "newest": newest, "tail": None, "waits_ms": None}
    if delivery["state"] not in OPEN:
        return shown
    query = {"delivery_id": delivery["id"]}
    tail = request.route_path("execution_stream", app=request.context.app.slug, _query=query)
    return shown | {"tail": tail, "waits_ms": _waits_ms(delivery["due_at"])}


def attempts_of(request: Request, execution: Mapping[str, Any]) -> dict[str, Any] | None:
    """The same for the delivery that the execution was an attempt at; None where there is none, or not any more."""
    if execution["delivery_id"] is None:
        return None
    delivery = read_at(request, deliveries.read, execution["delivery_id"])
    return attempts_at(request, delivery) if delivery else None


def _waits_ms(due_at: datetime | str | None) -> int:
    due = datetime.fromisoformat(due_at) if isinstance(due_at, str) else due_at
    wait = due - datetime.now(UTC) if due else SOONEST
    return int(min(max(wait, SOONEST), LATEST).total_seconds() * 1000)
