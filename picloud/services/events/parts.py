"""The part of an event that is named after its kind, as somebody gives it for a test: checked, the rest from a sample."""

import base64
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import msgspec

from picloud.domain.errors import FieldError, Invalid, invalid
from picloud.domain.kinds import EventKind
from picloud.domain.kv import KvOp
from picloud.domain.refusals import refused
from picloud.inbound.message import read
from picloud.services.events.samples import SAMPLES

_BODIES: Mapping[str, str | None] = {
    "json": "application/json",
    "form": "application/x-www-form-urlencoded",
    "text": "text/plain; charset=utf-8",
    "body_base64": None,
}
"""The ways to give the body of a call, and the content type that each means where none is given."""


def part(kind: EventKind, given: Any, sample: Mapping[str, Any] | None = None) -> Any:
    """The part from the fields that are given; what is left out comes from `sample`, else from the kind's own.

    An `http` part takes its body as one of `json`, `form`, `text` and `body_base64`. A `manual` part may be anything.
    Raises Invalid, with pointers under `/event/{kind}`.
    """
    if kind is EventKind.MANUAL:
        return SAMPLES[kind]() if given is msgspec.UNSET else given
    fields = {} if given is msgspec.UNSET else given
    if not isinstance(fields, dict):
        raise invalid(f"/event/{kind}", "has to be an object")
    merged = dict(SAMPLES[kind]() if sample is None else sample) | fields
    if kind is EventKind.EMAIL:
        return _mail(merged)
    try:
        checked = msgspec.convert(merged, _SHAPES[kind])
    except msgspec.ValidationError as error:
        raise refused(_SHAPES[kind], str(error), below=f"/event/{kind}") from None
    return _http(checked) if isinstance(checked, _Http) else msgspec.to_builtins(checked)


class _Part(msgspec.Struct, forbid_unknown_fields=True):
    """Every field of a part stands in its sample."""


class _Http(_Part):
    method: str
    path: str
    params: dict[str, str]
    query: dict[str, str]
    headers: dict[str, str]
    client_ip: str | None
    body_base64: str | msgspec.UnsetType | None = msgspec.UNSET
    text: str | msgspec.UnsetType = msgspec.UNSET
    json: Any = msgspec.UNSET
    form: dict[str, str] | msgspec.UnsetType = msgspec.UNSET


class _Kv(_Part):
    op: KvOp
    collection: str
    key: str
    value: Any
    old_value: Any


class _Cron(_Part):
    schedule: str
    scheduled_for: str
    late_by_s: float


class _Queue(_Part):
    name: str
    payload: Any


class _DeadLetter(_Part):
    event: dict[str, Any]
    error: dict[str, Any]
    attempts: int
    script: str
    failed_at: str


_SHAPES: Mapping[EventKind, type[_Part]] = {
    EventKind.HTTP: _Http,
    EventKind.KV: _Kv,
    EventKind.CRON: _Cron,
    EventKind.QUEUE: _Queue,
    EventKind.DEAD_LETTER: _DeadLetter,
}


def _http(call: _Http) -> dict[str, Any]:
    """As a call by HTTP looks: names of headers in lower case, the body in base64."""
    given = [name for name in _BODIES if getattr(call, name) is not msgspec.UNSET]
    if len(given) > 1:
        raise invalid(f"/event/http/{given[1]}", f"is a second body beside {given[0]!r}")
    headers = {name.lower(): value for name, value in call.headers.items()}
    body = b""
    if given:
        body = _body(given[0], getattr(call, given[0]))
        if content_type := _BODIES[given[0]]:
            headers.setdefault("content-type", content_type)
    common = {name: getattr(call, name) for name in ("method", "path", "params", "query", "client_ip")}
    common["method"] = call.method.upper()
    return common | {"headers": headers, "body_base64": base64.b64encode(body).decode()}


def _body(form: str, value: Any) -> bytes:
    if form == "json":
        return json.dumps(value, ensure_ascii=False).encode()
    if form == "form":
        return urlencode(value).encode()
    if form == "text":
        return bytes(value, "utf-8")
    try:
        return base64.b64decode(value or "", validate=True)
    except ValueError:
        raise invalid("/event/http/body_base64", "has to be base64, with its padding") from None


def _mail(merged: dict[str, Any]) -> dict[str, Any]:
    try:
        return read(_without_nulls(merged))
    except Invalid as error:
        errors = tuple(FieldError("/event/email" + item.pointer, item.detail) for item in error.errors)
        raise Invalid(error.detail, errors=errors) from None


def _without_nulls(value: Any) -> Any:
    """A mail as a handler has seen it can be given as it is: what it didn't have is null there."""
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value
