from typing import Any
from uuid import UUID

import msgspec

from picloud.domain.kinds import EventKind
from picloud.openapi.operation import PAGE, Moment, Operation, page
from picloud.views.script_samples import NewScriptSample


class ScriptSample(msgspec.Struct):
    """An event kept to try the script out with."""

    id: UUID
    name: str
    kind: EventKind
    event: dict[str, Any]
    created_at: Moment


SCRIPT_SAMPLES = (
    Operation(
        route="script_samples",
        method="GET",
        id="list_script_samples",
        summary="List the events that are kept to try a script out with",
        query=PAGE,
        answers={200: page(ScriptSample, "ScriptSamplePage")},
    ),
    Operation(
        route="script_samples",
        method="POST",
        id="create_script_sample",
        summary="Keep an event to try a script out with",
        description="50 of at most 64 KiB each.",
        body=NewScriptSample,
        example={"name": "an empty order", "event": {"kind": "queue", "queue": {"name": "orders", "payload": {}}}},
        answers={201: ScriptSample},
    ),
    Operation(
        route="script_sample", method="DELETE", id="delete_script_sample", summary="Forget an event that was kept"
    ),
)
