"""`ctx.event`: JSON objects that read by attribute and by key."""

import base64
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl


class Record(dict[str, Any]):
    """A dict whose keys also read as attributes; a trailing underscore helps with keywords: `mail.from_`."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        for key in (name, name.removesuffix("_")):
            if key in self:
                return self[key]
        raise AttributeError(f"there is no {name!r} here; there is: {', '.join(map(str, self)) or 'nothing'}")


class HttpRecord(Record):
    """The `http` part. `body` (bytes) comes as `body_base64`; `text`, `json` and `form` are made from it at need."""

    __slots__ = ()

    def __missing__(self, key: str) -> Any:
        derive = _DERIVED.get(key)
        if derive is None:
            raise KeyError(key)
        value = self[key] = derive(self)
        return value

    def __getattr__(self, name: str) -> Any:
        return self[name] if name in _DERIVED else super().__getattr__(name)


def _text(http: HttpRecord) -> str:
    body: bytes = http["body"]
    return body.decode("utf-8", "replace")


def _json(http: HttpRecord) -> Any:
    """Raises ValueError where the body is not JSON."""
    return _decode(http["body"].decode("utf-8")) if http["body"] else None


def _form(http: HttpRecord) -> dict[str, str]:
    return dict(parse_qsl(http["text"], keep_blank_values=True, max_num_fields=10_000))


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
