"""`ctx.http`: HTTP requests, made by the trusted side, and their answers as a handler reads them."""

import base64
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from picloud.sandbox_pool.handler_object import HandlerObject
from picloud.sandbox_pool.host_calls import HostCaller

_CHARSET = re.compile(r"charset=[\"']?([A-Za-z0-9_.:-]{1,40})", re.IGNORECASE)
_CHARSETS = frozenset({"ascii", "us-ascii", "iso-8859-1", "latin1", "iso-8859-15", "windows-1252", "utf-16"})


class HttpStatusError(OSError):
    """Raised by `raise_for_status()`. An OSError, so that `except OSError` takes all that can go wrong on the way."""

    def __init__(self, status: int, url: str) -> None:
        super().__init__(f"{url.partition('?')[0]} answered with status {status}")
        self.status = status


class HttpHeaders:
    """Reads without regard to case. `get` and `[name]` give the first value, `get_all` every one."""

    __slots__ = ("_pairs",)

    def __init__(self, pairs: list[list[str]]) -> None:
        self._pairs = tuple((name, value) for name, value in pairs)

    def get(self, name: str, default: Any = None) -> Any:
        return next(iter(self.get_all(name)), default)

    def get_all(self, name: str) -> list[str]:
        wanted = name.lower()
        return [value for key, value in self._pairs if key.lower() == wanted]

    def items(self) -> list[tuple[str, str]]:
        return list(self._pairs)

    def keys(self) -> list[str]:
        return [name for name, _ in self._pairs]

    def __getitem__(self, name: str) -> str:
        values = self.get_all(name)
        if not values:
            raise KeyError(name)
        return values[0]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and bool(self.get_all(name))

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self._pairs)


class HttpResponse(HandlerObject):
    """What came back. `url` is the address that answered, after redirects; `body` the bytes, decompressed."""

    __slots__ = ("body", "headers", "status", "url")
    _usage = "there is status, ok, text, json(), body, headers, url, raise_for_status()"

    def __init__(self, reply: Mapping[str, Any]) -> None:
        self.status: int = reply["status"]
        self.url: str = reply["url"]
        self.headers = HttpHeaders(reply["headers"])
        self.body = base64.b64decode(reply["body_base64"])

    def __repr__(self) -> str:
        return f"<HttpResponse {self.status}>"

    @property
    def ok(self) -> bool:
        return self.status < 400

    @property
    def text(self) -> str:
        """In the charset that the answer names, else UTF-8; what doesn't fit is shown as U+FFFD."""
        named = _CHARSET.search(self.headers.get("content-type", ""))
        charset = named[1].lower() if named else "utf-8"
        return self.body.decode(charset if charset in _CHARSETS else "utf-8", "replace")

    def json(self) -> Any:
        """Raises ValueError where the body is not JSON."""
        return json.loads(self.body)

    def raise_for_status(self) -> "HttpResponse":
        """Itself. Raises HttpStatusError for 400 and above."""
        if not self.ok:
            raise HttpStatusError(self.status, self.url)
        return self


class Http(HandlerObject):
    """`ctx.http`. Every method raises PermissionError for a host that the app may not call, TimeoutError, OSError for
    all else that went wrong on the way, and ValueError for a request that makes no sense."""

    __slots__ = ("_call",)
    _usage = "there is get(url), head, post, put, patch, delete and request(method, url)"

    def __init__(self, call: HostCaller) -> None:
        self._call = call

    def __repr__(self) -> str:
        return "<ctx.http>"

    def request(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, Any] | None = None,
        json: Any = None,
        data: Any = None,
        body: str | bytes | None = None,
        timeout_s: float | None = None,
        **unknown: Any,
    ) -> HttpResponse:
        """`json`: a value. `data`: a mapping (a form), text or bytes. `body`: text or bytes. At most one of them."""
        if unknown:
            raise TypeError(f"ctx.http takes params, headers, json, data, body and timeout_s, not {', '.join(unknown)}")
        asked: dict[str, Any] = {"method": method, "url": url}
        if params is not None:
            asked["params"] = dict(params)
        if headers is not None:
            asked["headers"] = {str(name): str(value) for name, value in dict(headers).items()}
        if json is not None:
            asked["json"] = json
        for content in (data, body):
            if content is not None:
                asked.update(_content(content))
        if (json is not None) + (data is not None) + (body is not None) > 1:
            raise ValueError("give one of json, data and body")
        if timeout_s is not None:
            asked["timeout_s"] = timeout_s
        return HttpResponse(self._call("http.request", **asked))

    def get(self, url: str, params: Any = None, headers: Any = None, **options: Any) -> HttpResponse:
        return self.request("GET", url, params=params, headers=headers, **options)

    def head(self, url: str, params: Any = None, headers: Any = None, **options: Any) -> HttpResponse:
        return self.request("HEAD", url, params=params, headers=headers, **options)

    def delete(self, url: str, params: Any = None, headers: Any = None, **options: Any) -> HttpResponse:
        return self.request("DELETE", url, params=params, headers=headers, **options)

    def post(self, url: str, json: Any = None, data: Any = None, body: Any = None, **options: Any) -> HttpResponse:
        """`options`: `params`, `headers`, `timeout_s`."""
        return self.request("POST", url, json=json, data=data, body=body, **options)

    def put(self, url: str, json: Any = None, data: Any = None, body: Any = None, **options: Any) -> HttpResponse:
        """`options`: `params`, `headers`, `timeout_s`."""
        return self.request("PUT", url, json=json, data=data, body=body, **options)

    def patch(self, url: str, json: Any = None, data: Any = None, body: Any = None, **options: Any) -> HttpResponse:
        """`options`: `params`, `headers`, `timeout_s`."""
        return self.request("PATCH", url, json=json, data=data, body=body, **options)


def _content(content: Any) -> dict[str, Any]:
    """The argument of the host call that holds `content`."""
    if isinstance(content, str):
        return {"text": content}
    if isinstance(content, bytes | bytearray):
        return {"body_base64": base64.b64encode(content).decode()}
    if isinstance(content, Mapping):
        return {"form": dict(content)}
    raise TypeError(f"a body is text, bytes or, as a form, a dict; not {type(content).__name__}")
