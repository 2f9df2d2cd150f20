import msgspec

from picloud.openapi.operation import Operation
from picloud.views.script_checks import NewCheck


class CodeProblem(msgspec.Struct):
    """Lines and columns count from 1, in characters. `hint` says what to write instead; it may be empty."""

    line: int
    column: int
    message: str
    hint: str


class ScriptCheck(msgspec.Struct):
    """At most 50 problems; none: it could be saved."""

    problems: list[CodeProblem]


CHECK_SCRIPT = Operation(
    route="check_script",
    method="POST",
    id="check_script",
    summary="Compile a source without saving it",
    description="Says what saving would refuse, and where. A source with problems is answered with 200, too.",
    body=NewCheck,
    example={"source": "def handler(ctx):\n    return 1 +\n"},
    answers={200: ScriptCheck},
)
