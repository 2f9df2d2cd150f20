"""JSON Schemas of all shapes, by their names."""

from collections.abc import Iterable
from inspect import cleandoc
from typing import Any

import msgspec

from picloud.openapi.operation import Operation
from picloud.openapi.problem import Problem

TEMPLATE = "#/components/schemas/{name}"


def bodies(operation: Operation) -> tuple[type[msgspec.Struct], ...]:
    return operation.body if isinstance(operation.body, tuple) else (operation.body,)


def components(operations: Iterable[Operation]) -> dict[str, Any]:
    """The schemas of everything that goes in or out. Raises ValueError for a body that ignores unknown fields."""
    shapes: list[Any] = [Problem]
    for operation in operations:
        for body in bodies(operation):
            if not body.__struct_config__.forbid_unknown_fields and operation.route != "email_inbound":
                raise ValueError(f"{body.__name__} of {operation.id} does not forbid unknown fields.")
        shapes += [*bodies(operation), *(answer for answer in operation.answers.values() if answer is not None)]
    found = msgspec.json.schema_components(shapes, ref_template=TEMPLATE)[1]
    return {name: _tidy(schema) for name, schema in sorted(found.items())}


def of(shape: Any) -> dict[str, Any]:
    """The schema of one shape, by reference where it has a name."""
    return dict(_tidy(msgspec.json.schema_components([shape], ref_template=TEMPLATE)[0][0]))


def any_of(shapes: tuple[type[msgspec.Struct], ...]) -> dict[str, Any]:
    """One of several bodies."""
    return of(shapes[0]) if len(shapes) == 1 else {"anyOf": [of(shape) for shape in shapes]}


def _tidy(schema: Any) -> Any:
    """Enums are strings here, which msgspec leaves unsaid; a default of null says nothing; of pairs all parts are alike,
    which more generators understand than a schema for each part; docstrings are indented, unless it is Python 3.13."""
    if isinstance(schema, list):
        return [_tidy(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    tidy = {key: _tidy(value) for key, value in schema.items() if not (key == "default" and value is None)}
    if isinstance(tidy.get("enum"), list) and all(isinstance(value, str) for value in tidy["enum"]):
        tidy["type"] = "string"
    if isinstance(tidy.get("description"), str):
        tidy["description"] = cleandoc(tidy["description"])
    if tidy.get("items") is False:
        tidy["items"] = tidy.pop("prefixItems")[0]
    return tidy
