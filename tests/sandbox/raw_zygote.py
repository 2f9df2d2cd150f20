"""The zygote with the language layer off: only the tests start it, by naming this module to `Executor`."""

import builtins
import ctypes
import mmap
import socket
import threading
from types import CodeType

from picloud.sandbox_pool import compile as compiling
from picloud.sandbox_pool import worker
from picloud.sandbox_pool.zygote import main, prepare

__all__ = ["ctypes", "main", "mmap", "prepare", "socket", "threading"]


def _compile_anything(name: str, source: str, modules: frozenset[str], *, endpoint: bool = False) -> CodeType:
    return compile(source, name, "exec", dont_inherit=True)


def _all_builtins(self: worker.Worker, log: object) -> dict[str, object]:
    return {"__builtins__": vars(builtins), "__name__": self._entry, "worker": self}


compiling.compile_script = _compile_anything
worker.Worker._fresh_globals = _all_builtins  # type: ignore[assignment, method-assign]
