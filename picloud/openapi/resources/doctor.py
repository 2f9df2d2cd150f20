from typing import Literal

import msgspec

from picloud.openapi.operation import Operation, Resource


class Finding(msgspec.Struct):
    """What was found of one thing. `remedy`: the command or the step that mends it; empty where nothing has to be done."""

    name: str
    state: Literal["ok", "warning", "broken"]
    detail: str
    remedy: str


class Findings(msgspec.Struct):
    """All of them, in the order in which `picloud doctor` prints them."""

    items: list[Finding]


DOCTOR = Resource(
    "doctor",
    "What is in order on this machine, and what is not.",
    (
        Operation(
            route="doctor",
            method="GET",
            id="examine",
            summary="Look at the sandbox, the database, the key, the queue, the disk, backups and the certificate",
            description="Changes nothing. It may take some seconds.",
            answers={200: Findings},
        ),
    ),
)
