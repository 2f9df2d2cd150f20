"""The life of a worker: it compiles, or it is loaded with one app's code and runs its events, one by one."""

import base64
import gc
import json
import os
import socket
import time
from collections.abc import Callable
from types import CodeType
from typing import Any

from picloud.sandbox_pool import compile as compiling
from picloud.sandbox_pool import probes, shared_caches
from picloud.sandbox_pool.answer import encode_response, encode_result
from picloud.sandbox_pool.context import Context, Log
from picloud.sandbox_pool.event import decode_event
from picloud.sandbox_pool.failure import describe
from picloud.sandbox_pool.handler_builtins import handler_builtins
from picloud.sandbox_pool.host_calls import HostCaller
from picloud.sandbox_pool.imports import Importer
from picloud.sandbox_pool.interrupts import Alarm
from picloud.sandbox_pool.protocol import HEADER, Channel, Kind
from picloud.sandbox_pool.spent import is_spent

_BUILTINS = handler_builtins()
"""Made before the fork: to count a reference to each of these, all over the memory, would cost a worker half a MB."""
_MAX = 0xFFFFFFFF
_CAPS: dict[int, int] = {Kind.COMPILE: _MAX, Kind.LOAD: _MAX, Kind.CONTEXT: _MAX, Kind.EVENT: _MAX, Kind.PROBE: _MAX}
_BALLAST = [bytes(256 * 1024)]
"""Room for the report when memory runs out: made before the fork, so that a worker owns none of it until then."""


class Worker:
    """Serves one connection until it closes. What it says is checked by the driver: nothing here is trusted."""

    def __init__(self, sock: socket.socket) -> None:
        self._channel = Channel(sock)
        self._alarm = Alarm()
        self._codes: dict[str, CodeType] = {}
        self._sources: dict[str, str] = {}
        self._entry = ""
        self._context: dict[str, Any] = {}
        self._actions: dict[int, Callable[[bytes], None]] = {
            Kind.COMPILE: self._compile,
            Kind.LOAD: self._load,
            Kind.CONTEXT: self._set_context,
            Kind.EVENT: self._run,
            Kind.PROBE: self._probe,
        }

    def serve(self) -> None:
        """Returns when the driver has closed, or when this worker is spent."""
        self._alarm.install()
        gc.enable()
        while not is_spent():
            try:
                self.step()
            except EOFError:
                return

    def step(self) -> None:
        """Waits for one frame and does what it asks for. Raises EOFError when the driver has closed."""
        kind, body = self._channel.receive(_CAPS)
        self._actions[kind](body)

    def _compile(self, body: bytes) -> None:
        """{"sources": {name: source}, "modules": [...], "endpoint": bool} -> {"codes": {name: …}} or {"script", "problems"}."""
        request = json.loads(body)
        modules = frozenset(request["modules"])
        endpoint = request.get("endpoint", False)
        codes: dict[str, str] = {}
        reply: dict[str, Any] = {"codes": codes, "script": None, "problems": []}
        for name, source in request["sources"].items():
            try:
                code = compiling.compile_script(name, source, modules, endpoint=endpoint)
            except compiling.Refused as refused:
                problems = [list(problem) for problem in refused.problems]
                reply = {"codes": {}, "script": name, "problems": problems}
                break
            codes[name] = base64.b64encode(compiling.dump(code)).decode()
        self._channel.send(Kind.COMPILED, json.dumps(reply).encode())

    def _probe(self, body: bytes) -> None:
        """{"list": …} -> the names of the probes; {"try": name} -> {"refused": bool}, if the worker lives to say it."""
        request = json.loads(body)
        if "try" in request:
            reply: dict[str, Any] = {"refused": probes.attempt(request["try"])}
        else:
            reply = {"soft": probes.SOFT, "hard": [name for name in probes.PROBES if name not in probes.SOFT]}
        self._channel.send(Kind.PROBED, json.dumps(reply).encode())

    def _load(self, body: bytes) -> None:
        bundle = json.loads(body)
        self._entry = bundle["entry"]
        self._sources = bundle["sources"]
        self._codes = {name: compiling.load(base64.b64decode(code)) for name, code in bundle["codes"].items()}

    def _set_context(self, body: bytes) -> None:
        message = json.loads(body)
        self._context = message["context"]
        self._alarm.limits = message["limits"]

    def _run(self, body: bytes) -> None:
        alarm = self._alarm
        namespace: dict[str, Any] = {}
        try:
            alarm.armed = True
            try:
                kind, answer = self._answer(body, namespace)
            finally:
                alarm.armed = False
        except BaseException as error:
            if isinstance(error, MemoryError):
                namespace.clear()
                _BALLAST.clear()
            kind, answer = Kind.FAILED, self._failed(error)
        _forget(namespace)
        if is_spent():
            self._channel.send(Kind.SPENT, b"")
        self._channel.send(kind, answer)

    def _answer(self, body: bytes, namespace: dict[str, Any]) -> tuple[Kind, bytes]:
        started = time.monotonic()
        limits = self._alarm.limits
        log = Log(self._channel, limits, started)
        call = HostCaller(self._channel, limits["host_bytes"])
        event = decode_event(body, call)
        ctx = Context(event, log, call, self._context, started + limits["wall_ms"] / 1000)
        namespace |= self._fresh_globals(log)
        exec(self._codes[self._entry], namespace)  # noqa: S102
        handler = namespace.get("handler")
        if not callable(handler):
            raise NameError(f"the script {self._entry!r} has no function handler(ctx)")
        value = ctx._returned(handler(ctx))
        if event.get("kind") != "http":
            return Kind.RESULT, encode_result(value, limits["output_bytes"])
        head, content = encode_response(value, limits["output_bytes"])
        head_bytes = json.dumps(head, ensure_ascii=False).encode()
        return Kind.RESPONSE, HEADER.pack(len(head_bytes), 0) + head_bytes + content

    def _fresh_globals(self, log: Log) -> dict[str, Any]:
        """The globals of the entry script; modules get their own, with the same builtins."""
        names = _BUILTINS
        importer = Importer(self._codes, self._entry, lambda name: {"__builtins__": names, "__name__": name})

        def import_(name: str, _g: Any = None, _l: Any = None, from_names: Any = None, level: int = 0) -> Any:
            return importer.load(name, from_names)

        names["print"] = log.print
        names["__import__"] = import_
        return {"__builtins__": names, "__name__": self._entry}

    def _failed(self, error: BaseException) -> bytes:
        report = describe(error, self._sources, self._alarm.limits.get("memory_bytes", 0))
        error.__traceback__ = None
        if report["error"]["line"] is None and (line := self._handler_line()) is not None:
            report["error"] |= {"script": self._entry, "line": line}  # wrong is what it returned
        return json.dumps(report).encode()

    def _handler_line(self) -> int | None:
        """Where the entry script defines its handler, if it does so itself."""
        code = self._codes.get(self._entry)
        inner = code.co_consts if code is not None else ()
        lines = (c.co_firstlineno for c in inner if isinstance(c, CodeType) and c.co_name == "handler")
        return next(lines, None)


def _forget(namespace: dict[str, Any]) -> None:
    """Frees all that an event made, now: a generator that was left suspended runs its `finally` when it is freed, and
    would do so in the middle of the next event."""
    namespace.clear()
    _BUILTINS.pop("print", None)
    _BUILTINS.pop("__import__", None)
    shared_caches.forget()
    while gc.collect():
        pass


def main(sock: socket.socket) -> None:
    """Serves the connection, then ends the process without any clean-up."""
    try:
        Worker(sock).serve()
    finally:
        os._exit(0)
