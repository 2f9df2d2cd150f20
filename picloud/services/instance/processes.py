"""This server's processes, as the kernel sees them."""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from picloud.sandbox_pool.executor import Executor

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Processes:
    """`memory`: resident bytes of the `server`, the `executor` and its `workers`; shared pages count in each. An executor
    that runs apart is not ours to measure."""

    workers: int
    memory: dict[str, int]


def processes(executor: Executor) -> Processes:
    keepers = [executor.pid] if executor.pid else []
    zygotes = [child for pid in keepers for child in _children(pid)]
    workers = [child for pid in zygotes for child in _children(pid)]
    memory = {
        "server": _resident_bytes([os.getpid()]),
        "executor": _resident_bytes(keepers + zygotes),
        "workers": _resident_bytes(workers),
    }
    return Processes(executor.workers, memory)


def _children(pid: int) -> list[int]:
    """proc_pid_task_children(5); empty where the kernel has no such file, or the process has ended."""
    with suppress(OSError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def _resident_bytes(pids: list[int]) -> int:
    total = 0
    for pid in pids:
        with suppress(OSError, IndexError):
            total += int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_BYTES
    return total
