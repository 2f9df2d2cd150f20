"""Resident and proportional memory of the whole at idle: the server, the sandbox with its workers, PostgreSQL.

python -m benchmarks.memory [WORKERS]
"""

import sys
import time
from pathlib import Path

from benchmarks.box import Box, served

SETTLE_S = 40
"""Idle: connections to PostgreSQL that are not needed are closed after 30 s."""


def descendants(pid: int) -> list[int]:
    """`pid` and all below it, from /proc."""
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        parents.setdefault(parent, []).append(int(stat.parent.name))
    found = [pid]
    for known in found:
        found += parents.get(known, [])
    return found


def memory_mib(pid: int) -> tuple[float, float]:
    """Resident and proportional."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    values = {line.split(":")[0]: int(line.split()[1]) for line in rollup.splitlines()[1:]}
    return values["Rss"] / 1024, values["Pss"] / 1024


def part_of(pid: int, box: Box) -> str:
    command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")
    if pid == box.process.pid:
        return "server and dispatcher"
    return "PostgreSQL" if b"postgres" in command and b"sandbox_pool" not in command else "sandbox"


def main(workers: int) -> None:
    with served(PICLOUD_SANDBOX_WORKERS=str(workers), PICLOUD_LOG_LEVEL="WARNING") as box:
        for n in range(workers):
            app = f"app{n}"
            box.admin("POST", "/apps", {"slug": app})
            box.admin("POST", f"/apps/{app}/scripts", {"name": "it", "source": "def handler(ctx):\n    return 1\n"})
            box.admin("POST", f"/apps/{app}/routes", {"method": "GET", "path": "/it", "script": "it"})
            box.call("GET", f"/run/{app}/it")
        time.sleep(SETTLE_S)
        sums: dict[str, list[float]] = {}
        for pid in descendants(box.process.pid):
            resident, proportional = memory_mib(pid)
            row = sums.setdefault(part_of(pid, box), [0, 0.0, 0.0])
            row[0], row[1], row[2] = row[0] + 1, row[1] + resident, row[2] + proportional
    for name, (processes, resident, proportional) in sums.items():
        print(
            f"{name:24} {processes:3.0f} processes   resident {resident:7.1f} MiB   proportional {proportional:7.1f} MiB"
        )
    total = [sum(column) for column in zip(*sums.values(), strict=True)]
    print(f"{'all':24} {total[0]:3.0f} processes   resident {total[1]:7.1f} MiB   proportional {total[2]:7.1f} MiB")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 4)
