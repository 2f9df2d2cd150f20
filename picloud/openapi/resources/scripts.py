from uuid import UUID

import msgspec

from picloud.domain.kinds import ScriptKind
from picloud.openapi.operation import LIMIT, PAGE, Moment, Operation, Query, Resource, page
from picloud.openapi.resources.limits import EffectiveLimits, Limits
from picloud.openapi.resources.script_checks import CHECK_SCRIPT
from picloud.openapi.resources.script_samples import SCRIPT_SAMPLES
from picloud.openapi.resources.script_tests import TEST_SCRIPT
from picloud.views.scripts import NewScript, NewVersion, ScriptChange

HELLO = 'def handler(ctx):\n    return {"hello": ctx.event.http.query.get("name", "world")}\n'


class Script(msgspec.Struct):
    """A named piece of handler code in an app.

    `limits` are the script's own, `default_limits` what would hold without them, `effective_limits` what holds.
    """

    id: UUID
    name: str
    kind: ScriptKind
    active_version: int
    limits: Limits
    default_limits: EffectiveLimits
    effective_limits: EffectiveLimits
    created_at: Moment
    updated_at: Moment


class ScriptWithSource(Script):
    """The script with the source of its active version."""

    source: str


class ScriptVersion(msgspec.Struct):
    """An immutable saved state of a script."""

    number: int
    source: str
    message: str | None
    created_by: UUID | None
    created_at: Moment


_VERSION_PAGE = (LIMIT, Query("after", int, "The `next` of the page before: a version's number."))

SCRIPTS = Resource(
    "scripts",
    "Handler code, in versions of which one is active.",
    (
        Operation(
            route="scripts",
            method="GET",
            id="list_scripts",
            summary="List an app's scripts",
            query=PAGE,
            answers={200: page(Script, "ScriptPage")},
        ),
        Operation(
            route="scripts",
            method="POST",
            id="create_script",
            summary="Create a script with its first version",
            body=NewScript,
            example={"name": "hello", "kind": "endpoint", "source": HELLO},
            answers={201: ScriptWithSource},
        ),
        Operation(
            route="script",
            method="GET",
            id="get_script",
            summary="Show a script with its active source",
            answers={200: ScriptWithSource},
            guarded=True,
        ),
        Operation(
            route="script",
            method="PUT",
            id="save_script",
            summary="Save the next version and activate it",
            body=NewVersion,
            example={"source": HELLO, "message": "say hello"},
            answers={200: ScriptWithSource},
            guarded=True,
        ),
        Operation(
            route="script",
            method="PATCH",
            id="update_script",
            summary="Change a script's limits",
            body=ScriptChange,
            example={"limits": {"memory_bytes": 33554432}},
            answers={200: Script},
            guarded=True,
        ),
        Operation(
            route="script",
            method="DELETE",
            id="delete_script",
            summary="Delete a script with its versions",
            guarded=True,
        ),
        Operation(
            route="versions",
            method="GET",
            id="list_script_versions",
            summary="List a script's versions, newest first",
            query=_VERSION_PAGE,
            answers={200: page(ScriptVersion, "ScriptVersionPage")},
        ),
        Operation(
            route="activate",
            method="POST",
            id="activate_script_version",
            summary="Make a version the active one",
            answers={200: Script},
        ),
        CHECK_SCRIPT,
        TEST_SCRIPT,
        *SCRIPT_SAMPLES,
    ),
)
