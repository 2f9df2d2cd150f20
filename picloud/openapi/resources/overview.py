from typing import Any
from uuid import UUID

import msgspec

from picloud.models import ExecutionStatus
from picloud.openapi.operation import Moment, Operation, Resource


class HourOfRuns(msgspec.Struct):
    """From `at`. `waiting`: deliveries that waited for a run at its end, or now, retries included. `longest_wait_s`: of those
    that had their first one in this hour, planned delays included. `dead`: deliveries that failed for good."""

    at: Moment
    runs: int
    failed: int
    p95_ms: float | None
    longest_wait_s: float | None
    waiting: int
    dead: int


class LastFailure(msgspec.Struct):
    """An execution that failed. `app` is the slug."""

    id: UUID
    app: str
    script: str
    status: ExecutionStatus
    started_at: Moment
    error: Any


class NextRun(msgspec.Struct):
    """Of a cron trigger. `app` is the slug."""

    trigger_id: UUID
    app: str
    script: str
    schedule: str
    next_at: Moment


class AppOverview(msgspec.Struct):
    """Of the last 24 hours, the current one included. `p95_ms`: of the last hour in which something ran. `waiting`: now;
    `oldest_s`: how long the first of what is due has waited. `dead`: dead letters that there are."""

    runs: int
    failed: int
    p95_ms: float | None
    waiting: int
    oldest_s: float | None
    dead: int
    hours: list[HourOfRuns]
    failures: list[LastFailure]
    crons: list[NextRun]


class FirstSteps(msgspec.Struct):
    """What has been done. `cause`: a route or a trigger."""

    app: bool
    script: bool
    cause: bool
    run: bool


class BoxFigures(msgspec.Struct):
    """`memory_*` and `disk_*`: the machine's; `resident_*`: PiCloud's own, where shared pages count in each. `workers`:
    those that live, spares included; at most `workers_max` runs go on at once."""

    memory_available_bytes: int
    memory_total_bytes: int
    resident_server_bytes: int
    resident_executor_bytes: int
    resident_workers_bytes: int
    disk_free_bytes: int
    disk_total_bytes: int
    database_bytes: int
    workers: int
    workers_max: int


class Overview(AppOverview):
    """The same of all apps that one may see. `box`: the machine, for who may see the metrics; else null."""

    steps: FirstSteps
    box: BoxFigures | None


OVERVIEW = Resource(
    "overview",
    "What happened of late, in figures.",
    (
        Operation(
            route="overview",
            method="GET",
            id="get_overview",
            summary="Show what happened of late in all apps, and what the machine has left",
            answers={200: Overview},
        ),
        Operation(
            route="app_overview",
            method="GET",
            id="get_app_overview",
            summary="Show what happened of late in an app",
            answers={200: AppOverview},
        ),
    ),
)
