from typing import Any, Literal

import msgspec

from picloud.openapi.operation import Operation, Resource


class Health(msgspec.Struct):
    """The process lives."""

    status: Literal["ok"]
    version: str


class Readiness(msgspec.Struct):
    """Database, migrations and executor are there. Where one is not, a problem of status 503 has the `reasons`."""

    status: Literal["ok"]
    reasons: list[str]


HEALTH = Resource(
    "health",
    "For monitors.",
    (
        Operation(
            route="healthz", method="GET", id="get_health", summary="Is the process alive?", answers={200: Health}
        ),
        Operation(
            route="readyz",
            method="GET",
            id="get_readiness",
            summary="Can it do its work?",
            answers={200: Readiness},
            problems=(503,),
        ),
        Operation(
            route="metrics",
            method="GET",
            id="get_metrics",
            summary="Counters and gauges for Prometheus",
            description="Open to this very machine; through a proxy or from elsewhere to a key with `instance:admin`.",
            media="text/plain",
            answers={200: str},
            problems=(401, 403, 503),
        ),
        Operation(
            route="openapi",
            method="GET",
            id="get_openapi",
            summary="This document",
            answers={200: dict[str, Any]},
        ),
    ),
)
