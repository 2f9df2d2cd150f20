"""What the machine has left, and what PiCloud takes of it."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.orm import Session

from picloud.sandbox_pool.executor import Executor
from picloud.services.instance.processes import processes
from picloud.settings import Settings

_SIZE = text("SELECT pg_database_size(current_database())")


@dataclass(frozen=True, slots=True)
class Box:
    """Sizes in bytes. `memory_*` and `disk_*`: the machine's; `resident_*`: PiCloud's own, where shared pages count in
    each. `workers`: those that live, spares included; `workers_max` runs go on at once at most."""

    memory_available_bytes: int
    memory_total_bytes: int
    resident_server_bytes: int
    resident_executor_bytes: int
    resident_workers_bytes: int
    disk_free_bytes: int
    disk_total_bytes: int
    database_bytes: int
    workers: int
    workers_max: int


def box(session: Session, executor: Executor, settings: Settings) -> Box:
    found, disk, memory = processes(executor), shutil.disk_usage(settings.data_dir), _memory()
    return Box(
        memory_available_bytes=memory.get("MemAvailable", 0),
        memory_total_bytes=memory.get("MemTotal", 0),
        resident_server_bytes=found.memory["server"],
        resident_executor_bytes=found.memory["executor"],
        resident_workers_bytes=found.memory["workers"],
        disk_free_bytes=disk.free,
        disk_total_bytes=disk.total,
        database_bytes=session.execute(_SIZE).scalar_one(),
        workers=found.workers,
        workers_max=settings.sandbox_workers,
    )


def _memory() -> dict[str, int]:
    """proc_meminfo(5), in bytes."""
    lines = (line.split() for line in Path("/proc/meminfo").read_text().splitlines())
    return {words[0].rstrip(":"): int(words[1]) * 1024 for words in lines if len(words) > 1}
