"""Calls from a handler to the trusted side, and the objects of `ctx` that are nothing but such calls."""

import builtins
import json
from typing import Any

from picloud.sandbox_pool.handler_object import HandlerObject
from picloud.sandbox_pool.language import EXCEPTIONS
from picloud.sandbox_pool.protocol import Channel, Kind
from picloud.sandbox_pool.units import MIB

REPLY_CAP_BYTES = 64 * 1024 * 1024
_CAPS: dict[int, int] = {Kind.REPLY: REPLY_CAP_BYTES}


class HostCaller:
    """Sends a request and waits for its reply. Which app asks is a property of the connection, not of the frame."""

    __slots__ = ("_channel", "_host_bytes")

    def __init__(self, channel: Channel, host_bytes: int = 4 * MIB) -> None:
        self._channel = channel
        self._host_bytes = host_bytes

    def __call__(self, verb: str, **args: Any) -> Any:
        """Raises what the trusted side answered with; TypeError and ValueError for arguments that JSON can't say or
        that are larger than all calls of a run may be."""
        body = _call(verb, args)
        if len(body) > self._host_bytes:
            raise ValueError(f"{verb} sends {len(body)} bytes, of at most {self._host_bytes}")
        self._channel.send(Kind.CALL, body)
        _, body = self._channel.receive(_CAPS)
        reply = json.loads(body)
        if "error" in reply:
            raise _exception(reply["error"]["type"], reply["error"]["message"])
        return reply["value"]


def _call(verb: str, args: dict[str, Any]) -> bytes:
    try:
        text = json.dumps({"verb": verb, "args": args}, ensure_ascii=False, allow_nan=False)
    except TypeError as error:
        raise TypeError(f"{verb} takes numbers, text, lists, dicts, True, False and None: {error}") from None
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{verb}: half of a surrogate pair can't be sent") from None


def _exception(name: str, message: str) -> Exception:
    """A builtin exception where there is one of that name, else a new kind of RuntimeError."""
    kind = getattr(builtins, name) if name in EXCEPTIONS else type(name, (RuntimeError,), {})
    error: Exception = kind(message)
    return error


class Stores(HandlerObject):
    """`ctx.kv`."""

    __slots__ = ("_call",)
    _usage = 'name a collection, such as ctx.kv("inbox").get("key")'

    def __init__(self, call: HostCaller) -> None:
        self._call = call

    def __repr__(self) -> str:
        return "<ctx.kv>"

    def __call__(self, collection: str) -> "Kv":
        return Kv(self._call, collection)


class Kv(HandlerObject):
    """`ctx.kv(collection)`."""

    __slots__ = ("_call", "_collection")
    _usage = (
        "there is get(key, default), set(key, value, ttl_s=None), delete(key), incr(key, by), cas(key, expected, new), "
        "list(prefix, limit, after) and `key in`"
    )

    def __init__(self, call: HostCaller, collection: str) -> None:
        self._call = call
        self._collection = collection

    def __repr__(self) -> str:
        return f"<ctx.kv of {self._collection!r}>"

    def __contains__(self, key: object) -> bool:
        return self._call("kv.get", collection=self._collection, key=key) is not None

    def get(self, key: str, default: Any = None) -> Any:
        value = self._call("kv.get", collection=self._collection, key=key)
        return default if value is None else value["value"]

    def set(self, key: str, value: Any, ttl_s: float | None = None) -> None:
        self._call("kv.set", collection=self._collection, key=key, value=value, ttl_s=ttl_s)

    def delete(self, key: str) -> bool:
        return bool(self._call("kv.delete", collection=self._collection, key=key))

    def incr(self, key: str, by: float = 1) -> Any:
        return self._call("kv.incr", collection=self._collection, key=key, by=by)

    def cas(self, key: str, expected: Any, new: Any) -> bool:
        return bool(self._call("kv.cas", collection=self._collection, key=key, expected=expected, new=new))

    def list(self, prefix: str = "", limit: int = 100, after: str | None = None) -> Any:
        return self._call("kv.list", collection=self._collection, prefix=prefix, limit=limit, after=after)


class Queues(HandlerObject):
    """`ctx.queue`."""

    __slots__ = ("_call",)
    _usage = 'name a queue, as in ctx.queue("jobs").send({"n": 1})'

    def __init__(self, call: HostCaller) -> None:
        self._call = call

    def __repr__(self) -> str:
        return "<ctx.queue>"

    def __call__(self, name: str) -> "Queue":
        return Queue(self._call, name)


class Queue(HandlerObject):
    """`ctx.queue(name)`."""

    __slots__ = ("_call", "_name")
    _usage = "there is send(payload, delay_s=0, key=None); a queue trigger's handler receives it"

    def __init__(self, call: HostCaller, name: str) -> None:
        self._call = call
        self._name = name

    def __repr__(self) -> str:
        return f"<ctx.queue of {self._name!r}>"

    def send(self, payload: Any, delay_s: float = 0, key: str | None = None) -> Any:
        return self._call("queue.send", name=self._name, payload=payload, delay_s=delay_s, key=key)


class SecretNotFound(KeyError):
    """A KeyError that says which secret is missing, without the quotes that those come in."""

    def __str__(self) -> str:
        return str(self.args[0])


class Secrets(HandlerObject):
    """`ctx.secrets[NAME]`."""

    __slots__ = ("_call",)
    _usage = (
        'name the one you want, as in ctx.secrets["NAME"], ctx.secrets.get("NAME", default) or "NAME" in ctx.secrets'
    )

    def __init__(self, call: HostCaller) -> None:
        self._call = call

    def __repr__(self) -> str:
        return "<ctx.secrets>"

    def __getitem__(self, name: str) -> str:
        try:
            return str(self._call("secrets.get", name=name))
        except LookupError as error:
            raise SecretNotFound(str(error)) from None

    def __contains__(self, name: object) -> bool:
        return self.get(name) is not None  # type: ignore[arg-type]

    def get(self, name: str, default: Any = None) -> Any:
        try:
            return self[name]
        except SecretNotFound:
            return default
