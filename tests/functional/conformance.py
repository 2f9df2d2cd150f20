"""Answers against the OpenAPI document: what a client generated from it could not read is a failure."""

import json
import re
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from picloud.views.openapi import DOCUMENT

_document = json.loads(DOCUMENT.read_text(encoding="utf-8"))
_registry: Registry[Any] = Registry().with_resource("urn:openapi", Resource(_document, DRAFT202012))
_templates = sorted(_document["paths"], key=lambda template: template.count("{"))


def check_conforms(method: str, path: str, status: int, body: Any) -> None:
    """Asserts that the document describes this answer. Addresses that it does not have are 404 or 405."""
    found = _operation(method, path.partition("?")[0])
    if found is None:
        assert status in (400, 401, 403, 404, 405), f"{method} {path} is not in the document, and answers {status}"
        return
    template, answers = found
    assert str(status) in answers, f"{method} {template} does not document the status {status}: {body}"
    if body is not None:
        media = _resolved(answers[str(status)]).get("content", {})
        [schema] = [content["schema"] for content in media.values()]
        validator(json.dumps(schema)).validate(body)


def _operation(method: str, path: str) -> tuple[str, Any] | None:
    for template in _templates:
        if _pattern(template).fullmatch(path) and method.lower() in _document["paths"][template]:
            return template, _document["paths"][template][method.lower()]["responses"]
    return None


@cache
def _pattern(template: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)\}", template)
    names = [".+" if name in ("key", "path") else "[^/]+" for name in parts[1::2]]
    return re.compile("".join(re.escape(text) + name for text, name in zip(parts[::2], [*names, ""], strict=True)))


def _resolved(item: Any) -> Any:
    reference = item.get("$ref")
    return _registry.resolver("urn:openapi").lookup(reference).contents if reference else item


@cache
def validator(schema: str) -> Draft202012Validator:
    """Of a schema of the document, as JSON."""
    absolute = json.loads(schema.replace('"#/components', '"urn:openapi#/components'))
    return Draft202012Validator(absolute, registry=_registry, format_checker=FormatChecker())
