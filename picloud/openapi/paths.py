"""Path items and operation objects of the document."""

import re
from typing import Any

from picloud.domain.access import SCOPE_COVERS, Capability
from picloud.openapi import problem, schemas
from picloud.openapi.operation import Operation
from picloud.openapi.served import Served

_ID = {"type": "string", "format": "uuid"}
_IDEMPOTENCY_KEY = {"type": "string", "pattern": "^[!-~]{1,255}$"}
_NAME = {"type": "string", "minLength": 1}
_VARIABLES: dict[str, tuple[str, dict[str, Any]]] = {
    "app": ("The app's id or its slug.", _NAME),
    "app_id": ("The app's id.", _ID),
    "app_slug": ("The app's slug.", _NAME),
    "collection": ("A collection of the store.", _NAME),
    "domain": ("The host name.", _NAME),
    "id": ("The id.", _ID),
    "key": ("A key in the collection. It may have slashes.", _NAME),
    "name": ("The name.", _NAME),
    "number": ("The version's number.", {"type": "integer", "minimum": 1}),
    "path": ("The rest of the path.", {"type": "string"}),
    "trigger_id": ("The trigger's id.", _ID),
    "user_id": ("The user's id.", _ID),
}


def path(operation: Operation, served: Served) -> str:
    """The path template of an operation."""
    template = served.path
    for name, value in operation.at.items():
        template = template.replace(f"{{{name}}}", value)
    return template


def path_item(template: str) -> dict[str, Any]:
    """What all operations at a path share: its variables."""
    names = re.findall(r"\{(\w+)\}", template)
    parameters = [
        {"name": name, "in": "path", "required": True, "description": text, "schema": schema}
        for name, (text, schema) in ((name, _VARIABLES[name]) for name in names)
    ]
    return {"parameters": parameters} if parameters else {}


def operation_object(tag: str, operation: Operation, served: Served) -> dict[str, Any]:
    """The operation object."""
    made: dict[str, Any] = {
        "operationId": operation.id,
        "tags": [tag],
        "summary": operation.summary,
        "description": _description(operation, served.capability),
    }
    if parameters := [*_query(operation), *_headers(operation, served)]:
        made["parameters"] = parameters
    if operation.body:
        made["requestBody"] = _request_body(operation)
    made["responses"] = _responses(operation, served)
    if served.capability is None:
        made["security"] = []
    else:
        made["x-capability"] = served.capability.value
    return made


def _description(operation: Operation, capability: Capability | None) -> str:
    if capability is None:
        return operation.description or "Open to anybody."
    scopes = [f"`{scope}`" for scope, covered in SCOPE_COVERS.items() if capability in covered]
    by_key = f"a key also one of the scopes {', '.join(scopes)}" if scopes else "no key has it, only a session"
    needs = f"Needs the capability `{capability}`; {by_key}."
    return f"{operation.description}\n\n{needs}".lstrip()


def _query(operation: Operation) -> list[dict[str, Any]]:
    return [
        {"name": query.name, "in": "query", "description": query.description, "schema": schemas.of(query.type)}
        for query in operation.query
    ]


def _headers(operation: Operation, served: Served) -> list[dict[str, Any]]:
    found = []
    if operation.guarded and operation.method != "GET":
        found.append(_header("If-Match", "The ETag of what is to be changed: 412 where it was changed since."))
    if operation.method == "POST" and served.capability is not None:
        key = _header("Idempotency-Key", "Sent again with the same body, the request gets the same answer.")
        found.append(key | {"schema": _IDEMPOTENCY_KEY})
    return found


def _header(name: str, text: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "description": text, "schema": {"type": "string"}}


def _request_body(operation: Operation) -> dict[str, Any]:
    media: dict[str, Any] = {"schema": schemas.any_of(schemas.bodies(operation))}
    if operation.example is not None:
        media["example"] = operation.example
    return {"required": operation.body_required, "content": {"application/json": media}}


def _responses(operation: Operation, served: Served) -> dict[str, Any]:
    found: dict[str, Any] = {str(status): _success(operation, status) for status in sorted(operation.answers)}
    for status in problem.statuses(operation, served):
        found[str(status)] = {"$ref": f"#/components/responses/{problem.TITLES[status][0]}"}
    if operation.route == "run":
        found["default"] = {"description": "What the handler answered.", "content": {"*/*": {"schema": {}}}}
    return found


def _success(operation: Operation, status: int) -> dict[str, Any]:
    shape = operation.answers[status]
    headers = {"X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"}}
    if operation.guarded and operation.method != "DELETE":
        headers["ETag"] = {"$ref": "#/components/headers/ETag"}
    made: dict[str, Any] = {"description": _OUTCOMES[status], "headers": headers}
    if shape is not None:
        made["content"] = {operation.media: {"schema": schemas.of(shape)}}
    return made


_OUTCOMES = {200: "Done.", 201: "Created.", 202: "Queued.", 204: "Done; there is nothing to show."}
