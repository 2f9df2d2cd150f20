"""What a handler asked for, as it comes from a worker: hostile input, read by its declared shape."""

import binascii
from collections.abc import Iterator, Mapping
from typing import Annotated, Any
from urllib.parse import urlencode

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from picloud.outbound.errors import malformed
from picloud.outbound.headers import checked_headers
from picloud.outbound.limits import OutboundLimits
from picloud.outbound.request import Request, checked_method
from picloud.outbound.target import parse_url

_Scalar = str | int | float | bool | None
_Fields = dict[str, str | int | float | bool | list[_Scalar] | None]
_encode = msgspec.json.Encoder().encode

FORM = "application/x-www-form-urlencoded"


class Call(Struct, forbid_unknown_fields=True):
    """The arguments of `http.request`. Of the four bodies at most one is there."""

    method: str
    url: str
    headers: dict[str, str] = {}
    params: _Fields = {}
    json: Any = UNSET
    text: str | UnsetType = UNSET
    form: _Fields | UnsetType = UNSET
    body_base64: str | UnsetType = UNSET
    timeout_s: Annotated[float, Meta(gt=0)] | None = None


def read_call(args: Mapping[str, Any]) -> Call:
    """Raises OutboundRefused."""
    try:
        return msgspec.convert(dict(args), Call)
    except (ValueError, RecursionError) as error:
        raise malformed(f"ctx.http was called wrongly: {error}") from None


def make_request(call: Call, limits: OutboundLimits) -> Request:
    """Raises OutboundRefused."""
    method = checked_method(call.method)
    try:
        target = parse_url(call.url, urlencode(list(_pairs(call.params))))
        content_type, body = _body(call)
    except (ValueError, TypeError, RecursionError):
        raise malformed("the url, its params or the body hold something that can't be sent") from None
    if len(body) > limits.request_max_bytes:
        raise malformed(f"the body is larger than {limits.request_max_bytes} bytes")
    headers = checked_headers(call.headers.items(), limits)
    if content_type and not any(name.lower() == "content-type" for name, _ in headers):
        headers = (*headers, ("Content-Type", content_type))
    return Request(method, target, headers, body)


def _body(call: Call) -> tuple[str, bytes]:
    """(media type or "", content)."""
    given = [part for part in (call.json, call.text, call.form, call.body_base64) if part is not UNSET]
    if len(given) > 1:
        raise malformed("the request has more than one body: give one of json, data and body")
    if call.json is not UNSET:
        return "application/json", _encode(call.json)
    if not isinstance(call.text, UnsetType):
        return "text/plain; charset=utf-8", call.text.encode()
    if not isinstance(call.form, UnsetType):
        return FORM, urlencode(list(_pairs(call.form))).encode()
    if not isinstance(call.body_base64, UnsetType):
        return "", binascii.a2b_base64(call.body_base64, strict_mode=True)
    return "", b""


def _pairs(fields: _Fields) -> Iterator[tuple[str, str]]:
    """A list gives its name once for each item; None is left out; true and false are written as in JSON."""
    for name, value in fields.items():
        for item in value if isinstance(value, list) else [value]:
            if item is not None:
                yield name, str(item).lower() if isinstance(item, bool) else str(item)
