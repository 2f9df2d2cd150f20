"""What the compiler says to a source that nobody has saved: for editors, while one types."""

from typing import Any

import msgspec
from pyramid.request import Request

from picloud.domain.access import Capability
from picloud.domain.kinds import ScriptKind
from picloud.services.apps.scripts import MAX_PROBLEMS, check_name
from picloud.views.api import api, json_body
from picloud.views.scripts import script_service

UNNAMED = "draft"


class NewCheck(msgspec.Struct, forbid_unknown_fields=True):
    """`name`: the script's, so that it is not taken for one that may import itself."""

    source: str
    kind: ScriptKind = ScriptKind.ENDPOINT
    name: str | None = None


@api("check_script", "POST", Capability.SCRIPT_WRITE)
def check(request: Request) -> dict[str, Any]:
    body = json_body(request, NewCheck)
    if body.name is not None:
        check_name(body.name, body.kind)
    problems = script_service(request).problems(body.name or UNNAMED, body.kind, body.source)
    return {"problems": [problem._asdict() for problem in problems[:MAX_PROBLEMS]]}
