"""`ctx.event`: JSON objects that read by attribute and by key."""

import base64
import json
from collections.abc import Callable
from typing import Any

from picloud.sandbox_pool.forms import form_fields


class Record(dict[str, Any]):
    """A dict whose keys also read as attributes; a trailing underscore helps with keywords: `mail.from_`."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        for key in (name, name.removesuffix("_")):
            if key in self:
                return self[key]
        raise AttributeError(f"there is no {name!r} here; there is: {', '.join(self._names()) or 'nothing'}")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError("this is a value, not a function: leave out the ( )")

    def _names(self) -> list[str]:
        return list(map(str, self))


class Headers(Record):
    """Names of headers are in lower case, and found in any."""

    __slots__ = ()

    def __missing__(self, key: str) -> Any:
        lower = key.lower() if isinstance(key, str) else key
        if lower == key:
            raise KeyError(key)
        return self[lower]

    def __contains__(self, key: object) -> bool:
        return super().__contains__(key.lower() if isinstance(key, str) else key)

    def get(self, key: str, default: Any = None) -> Any:
        return super().get(key.lower() if isinstance(key, str) else key, default)


class HttpRecord(Record):
    """The `http` part. `body` (bytes) comes as `body_base64`; `text`, `json` and `form` are made from it at need."""

    __slots__ = ()

    def __init__(self, fields: Record) -> None:
        super().__init__(fields)
        if type(headers := fields.get("headers")) is Record:
            self["headers"] = Headers(headers)

    def __missing__(self, key: str) -> Any:
        derive = _DERIVED.get(key)
        if derive is None:
            raise KeyError(key)
        value = self[key] = derive(self)
        return value

    def __getattr__(self, name: str) -> Any:
        return self[name] if name in _DERIVED else super().__getattr__(name)

    def __contains__(self, key: object) -> bool:
        return super().__contains__(key) or key in _DERIVED

    def get(self, key: str, default: Any = None) -> Any:
        try:
            return self[key]
        except KeyError:
            return default

    def _names(self) -> list[str]:
        return [name for name in self if name not in _DERIVED and name != "body_base64"] + list(_DERIVED)


def _text(http: HttpRecord) -> str:
    body: bytes = http["body"]
    return body.decode("utf-8", "replace")


def _json(http: HttpRecord) -> Any:
    """Raises ValueError where the body is not JSON."""
    return _decode(http["body"].decode("utf-8")) if http["body"] else None


def _form(http: HttpRecord) -> dict[str, str]:
    headers = http.get("headers") or {}
    return form_fields(str(headers.get("content-type", "")), http["body"])


_DERIVED = {
    "body": lambda http: base64.b64decode(http.get("body_base64") or ""),
    "text": _text,
    "json": _json,
    "form": _form,
}


class Attachment(Record):
    """One attachment of a mail. `content` (bytes) is fetched when it is asked for; None where none is kept."""

    __slots__ = ("_call", "_content")

    def __init__(self, fields: Record, call: Callable[..., Any]) -> None:
        super().__init__(fields)
        self._call = call
        self._content: bytes | None = None

    def __missing__(self, key: str) -> Any:
        if key != "content":
            raise KeyError(key)
        return self._read()

    def __getattr__(self, name: str) -> Any:
        return self._read() if name == "content" else super().__getattr__(name)

    def _read(self) -> bytes | None:
        given = self.get("content")  # in base64, of a sample event
        if self._content is None and isinstance(given, str):
            self._content = base64.b64decode(given)
        elif self._content is None and "id" in self:
            self._content = base64.b64decode(self._call("email.attachment", id=self["id"])["content_base64"])
        return self._content


_decoder = json.JSONDecoder(object_hook=Record)
_decode = _decoder.decode


def decode_event(body: bytes, call: Callable[..., Any]) -> Record:
    """The event of a run, from its JSON. Every object in it is a `Record`. `call`: see `host_calls.HostCaller`."""
    event: Record
    event, _ = _decoder.raw_decode(str(body, "utf-8").lstrip())
    http = event.get("http")
    if type(http) is Record:
        event["http"] = HttpRecord(http)
    email = event.get("email")
    attachments = email.get("attachments") if type(email) is Record else None
    if isinstance(attachments, list):
        attachments[:] = [Attachment(each, call) if type(each) is Record else each for each in attachments]
    return event
