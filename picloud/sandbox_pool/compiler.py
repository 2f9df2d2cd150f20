"""Compiling, from the trusted side: in a throw-away worker of its own, because sources are hostile to compilers too."""

import json
from collections import OrderedDict
from collections.abc import Collection, Mapping
from threading import Lock

import msgspec

from picloud.sandbox_pool import frames
from picloud.sandbox_pool.code_problem import CodeProblem
from picloud.sandbox_pool.executor import Executor
from picloud.sandbox_pool.job import CodeBundle
from picloud.sandbox_pool.language import MODULES
from picloud.sandbox_pool.limits import MIB, Limits
from picloud.sandbox_pool.protocol import Kind, ProtocolError
from picloud.sandbox_pool.watch import Expired, Watch

LIMITS = Limits(cpu_ms=10_000, wall_ms=60_000, memory_bytes=512 * MIB)
"""The CPU time is the bound. Where others keep a small box busy the rest is waiting, and no fault of the source."""
CACHE_BYTES = 32 * MIB
_TOO_COMPLEX = CodeProblem(
    1, 1, "the script is too complex to be compiled", "split it into smaller functions and modules"
)

_TAKEN = frozenset({*MODULES, "urllib"})


class CodeRefused(Exception):
    """A script of a bundle can't be run. `script` names it."""

    def __init__(self, script: str, problems: list[CodeProblem]) -> None:
        super().__init__(problems[0].message)
        self.script = script
        self.problems = problems


class Compiler:
    """Thread-safe. Keeps the compiled bundles that were used last, as opaque bytes, each for its own app alone.

    They are never read on this side, and only ever loaded by workers of the app whose source they came from.
    """

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._lock = Lock()
        self._kept: OrderedDict[tuple[str, str], bytes] = OrderedDict()
        self._kept_bytes = 0

    def load_frame(self, app: str, code: CodeBundle) -> bytes:
        """The body of the LOAD frame for `code`. Raises CodeRefused, ExecutorGone."""
        with self._lock:
            body = self._kept.get((app, code.key))
            if body is not None:
                self._kept.move_to_end((app, code.key))
                return body
        compiled = self._compile(code.sources, code.sources.keys())
        if compiled.problems:
            raise CodeRefused(compiled.script or code.entry, compiled.as_problems())
        bundle = {"entry": code.entry, "sources": dict(code.sources), "codes": compiled.codes}
        body = json.dumps(bundle).encode()
        self._keep((app, code.key), body)
        return body

    def check(self, name: str, source: str, modules: Collection[str], *, endpoint: bool = False) -> list[CodeProblem]:
        """What is wrong with `source`; empty when nothing is. Raises ExecutorGone."""
        if name in _TAKEN:
            message = f"a script can't be named like a module that handlers import: {name}"
            return [CodeProblem(1, 1, message, "give it another name")]
        return self._compile({name: source}, modules, endpoint).as_problems()

    def _compile(
        self, sources: Mapping[str, str], modules: Collection[str], endpoint: bool = False
    ) -> frames.CompiledFrame:
        asked = {"sources": dict(sources), "modules": sorted(modules), "endpoint": endpoint}
        request = json.dumps(asked).encode()
        worker = self._executor.spawn(LIMITS.memory_bytes)
        caps: dict[int, int] = {Kind.COMPILED: frames.COMPILED_CAP_BYTES}
        try:
            watch = Watch(worker, LIMITS)
            worker.channel.send(Kind.COMPILE, request, watch.patience_s)
            while (frame := worker.channel.take(caps)) is None:
                worker.fill(watch.patience_s())
            return frames.decode_compiled(frame[1])
        except (OSError, EOFError, Expired, ProtocolError, msgspec.DecodeError):
            name = next(iter(sources))
            problem = (_TOO_COMPLEX.line, _TOO_COMPLEX.column, _TOO_COMPLEX.message, _TOO_COMPLEX.hint)
            return frames.CompiledFrame({}, name, [problem])
        finally:
            self._executor.bury(worker)

    def _keep(self, key: tuple[str, str], body: bytes) -> None:
        with self._lock:
            self._kept_bytes += len(body) - len(self._kept.pop(key, b""))
            self._kept[key] = body
            while self._kept_bytes > CACHE_BYTES and len(self._kept) > 1:
                _, dropped = self._kept.popitem(last=False)
                self._kept_bytes -= len(dropped)
