"""What trying a script out answers."""

from typing import Any
from uuid import UUID

import msgspec

from picloud.domain.kinds import DispatchMode
from picloud.domain.kv import KvOp
from picloud.models import ExecutionStatus
from picloud.openapi.operation import Operation
from picloud.openapi.resources.executions import LogEntry, RunError
from picloud.openapi.resources.limits import Limits
from picloud.views.script_tests import NewTest

_DESCRIPTION = """Runs the active version, or `source` in its place, on the given event. Nothing that it does stays: no
effect, no delivery, no execution. Triggers are not set off; those that would be are named.

Of an event all but the kind may be left out. A call's body is given as one of `json`, `form`, `text`, `body_base64`.

Requests to the outside can't be taken back: by `http` the test makes all, none, or only those that ask for no change
(`safe`: GET, HEAD, OPTIONS). Any other raises PermissionError in the handler."""


class WouldRun(msgspec.Struct):
    """A trigger that would be set off."""

    id: UUID
    dispatch_mode: DispatchMode


class WouldWrite(msgspec.Struct):
    """A change of the store. `value` is null for a delete, `old_value` for an insert."""

    op: KvOp
    collection: str
    key: str
    value: Any
    old_value: Any
    triggers: list[WouldRun]


class WouldSend(msgspec.Struct):
    """A message to a queue."""

    name: str
    payload: Any
    delay_s: float
    key: str | None
    triggers: list[WouldRun]


class Requested(msgspec.Struct):
    """A request to the outside. `sent`: it was made, or tried. Then it has a `status`, or an `error`."""

    method: str
    url: str
    sent: bool
    status: int | msgspec.UnsetType = msgspec.UNSET
    error: str | msgspec.UnsetType = msgspec.UNSET


class TestEffects(msgspec.Struct):
    """What the run did, in its order. `secrets`: the names of those that it read; their values are masked everywhere."""

    kv: list[WouldWrite]
    queue: list[WouldSend]
    http: list[Requested]
    secrets: list[str]


class HttpAnswer(msgspec.Struct):
    """What the caller would get. `text` where it is UTF-8, else `body_base64`."""

    status: int
    headers: list[tuple[str, str]]
    text: str | msgspec.UnsetType = msgspec.UNSET
    body_base64: str | msgspec.UnsetType = msgspec.UNSET


class Asked(msgspec.Struct):
    """What `ctx.retry`, `ctx.fail` or `ctx.abort` asked for."""

    kind: str
    after_s: float | None
    reason: str
    status: int | None


class ScriptTest(msgspec.Struct):
    """How the run went. `version`: null for a given source. `http`: for events of this kind alone."""

    script: str
    version: int | None
    status: ExecutionStatus
    result: Any
    http: HttpAnswer | None
    logs: list[LogEntry]
    error: RunError | None
    control: Asked | None
    wall_ms: float
    cpu_ms: float
    memory_peak_bytes: int
    limits: Limits
    effects: TestEffects
    event: dict[str, Any]


TEST_SCRIPT = Operation(
    route="test_script",
    method="POST",
    id="test_script",
    summary="Try a script out, keeping no effect",
    description=_DESCRIPTION,
    body=NewTest,
    example={"event": {"kind": "kv", "kv": {"collection": "inbox", "key": "a", "value": 1}}},
    answers={200: ScriptTest},
)
