"""The OpenAPI document is valid and says what is served."""

import json
from typing import Any

import pytest
from openapi_spec_validator import validate

from picloud.openapi.document import build
from picloud.views.openapi import DOCUMENT
from tests.functional.conformance import validator


@pytest.fixture(scope="module")
def document() -> Any:
    return json.loads(DOCUMENT.read_text(encoding="utf-8"))


def operations(document: Any) -> list[Any]:
    return [
        operation for item in document["paths"].values() for method, operation in item.items() if method != "parameters"
    ]


def test_it_is_valid_openapi(document: Any) -> None:
    assert document["openapi"].startswith("3.1.")
    validate(document)


def test_it_equals_the_routes_and_shapes(document: Any) -> None:
    """`build` refuses routes that nobody describes. When this fails, run `python -m picloud.openapi`."""
    assert document == json.loads(json.dumps(build()))


def test_every_operation_has_a_name_of_its_own(document: Any) -> None:
    names = [operation["operationId"] for operation in operations(document)]
    assert len(names) == len(set(names))
    assert all(operation["summary"] for operation in operations(document))


def test_every_error_is_a_problem(document: Any) -> None:
    for operation in operations(document):
        for status, answer in operation["responses"].items():
            if status >= "4" and status != "default":
                described = document["components"]["responses"][answer["$ref"].rpartition("/")[2]]
                assert list(described["content"]) == ["application/problem+json"]


def test_who_may_ask_is_said(document: Any) -> None:
    for operation in operations(document):
        assert (operation.get("security") == []) != ("x-capability" in operation)


def test_every_example_is_taken_by_its_schema(document: Any) -> None:
    """The document's own examples are what people try first."""
    examples = 0
    for operation in operations(document):
        for media in operation.get("requestBody", {}).get("content", {}).values():
            if "example" in media:
                validator(json.dumps(media["schema"])).validate(media["example"])
                examples += 1
    assert examples > 10
