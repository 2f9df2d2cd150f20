"""The sandbox pool's figures, each beside a baseline of the same run: read the ratios, not the microseconds.

python -m benchmarks.dispatch [EVENTS]
"""

import json
import multiprocessing
import re
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from picloud.sandbox_pool.executor import Executor
from picloud.sandbox_pool.job import CodeBundle, Job
from picloud.sandbox_pool.limits import Limits
from picloud.sandbox_pool.pool import Pool
from picloud.sandbox_pool.process import WorkerProcess
from picloud.sandbox_pool.protocol import Kind

NOOP = "def handler(ctx):\n    return None"
LOOP = "def handler(ctx):\n    while True:\n        pass"
C_LOOP = "def handler(ctx):\n    return sum(range(10**12))"
SLEEP = "import time\ndef handler(ctx):\n    time.sleep(60)"
ROUNDS = 5
IDLE_S = 10
SETTLE_S = 3
"""By then the housekeeper has stopped the idle workers, and sleeps."""


def echo(sock: socket.socket, other_end: socket.socket) -> None:
    other_end.close()
    while data := sock.recv(65536):
        sock.sendall(data)


def echo_json(sock: socket.socket, other_end: socket.socket) -> None:
    """The least that any Python process on the other side would do with an event."""
    other_end.close()
    while data := sock.recv(65536):
        sock.sendall(json.dumps(json.loads(data)).encode())


def timed(times: int, action: Callable[[], object]) -> list[float]:
    """Microseconds of each of `times` calls."""
    taken = []
    for _ in range(times):
        started = time.perf_counter_ns()
        action()
        taken.append((time.perf_counter_ns() - started) / 1000)
    return taken


def show(name: str, taken: list[float], base: list[float]) -> None:
    ordered = sorted(taken)
    p50, p99 = (ordered[int(len(ordered) * share)] for share in (0.5, 0.99))
    ratio = p50 / statistics.median(base)
    print(f"{name:46} p50 {p50:9.1f} us  p99 {p99:9.1f} us  {ratio:8.3f} x its baseline")


def make_job(source: str = NOOP, limits: Limits = Limits(), app: str = "app") -> Job:  # noqa: B008  frozen
    event = {"id": "0", "kind": "manual", "attempt": 1, "occurred_at": "", "trace_id": "", "depth": 0, "manual": {}}
    return Job(app, CodeBundle(source, "main", {"main": source}), json.dumps(event).encode(), {}, limits)


class Echo:
    """A process that sends back what it gets: the same bytes go both ways."""

    def __init__(self, target: Callable[[socket.socket, socket.socket], None]) -> None:
        self._sock, theirs = socket.socketpair()
        fork = multiprocessing.get_context("fork")
        fork.Process(target=target, args=(theirs, self._sock), daemon=True).start()
        theirs.close()

    def there_and_back(self, data: bytes) -> bytes:
        self._sock.sendall(data)
        return self._sock.recv(65536)


def dispatch(pool: Pool, events: int) -> None:
    """Warm dispatch against two echoes, turn by turn: of the event's bytes, and of the event as JSON on both sides."""
    job = make_job()
    event = json.loads(job.event)
    bytes_echo, json_echo = Echo(echo), Echo(echo_json)
    actions: list[tuple[str, Callable[[], object]]] = [
        ("echo of bytes over a socketpair (baseline)", lambda: bytes_echo.there_and_back(job.event)),
        ("echo of JSON", lambda: json.loads(json_echo.there_and_back(json.dumps(event).encode()))),
        ("warm dispatch", lambda: pool.run(job, wait_s=1)),
    ]
    taken: list[list[float]] = [[], [], []]
    for _ in range(ROUNDS):
        for (_, action), times in zip(actions, taken, strict=True):
            times += timed(events // ROUNDS, action)
    for (name, _), times in zip(actions, taken, strict=True):
        show(name, times, taken[0])
    print(f"warm dispatch over the echo of JSON: {statistics.median(taken[2]) / statistics.median(taken[1]):.2f} x")


def birth(executor: Executor) -> None:
    """A confined worker, and a killed one's replacement, against starting Python with the same imports."""
    pool = Pool(executor, size=1, spares=0)
    job = make_job()
    per_event = replace(job, per_event=True)
    workers: list[WorkerProcess] = []

    def born() -> None:
        worker = executor.spawn(Limits().memory_bytes)
        worker.be_patient(10)
        worker.channel.send(Kind.PROBE, b'{"list": true}')
        worker.channel.receive({Kind.PROBED: 4096})
        workers.append(worker)

    command = [sys.executable, "-c", "import picloud.sandbox_pool.zygote"]
    started = timed(10, lambda: subprocess.run(command, check=True))
    show("start of Python with the imports (baseline)", started, started)
    show("a confined worker: fork to first answer", timed(100, born), started)
    for worker in workers:
        executor.bury(worker)
    pool.run(job, wait_s=5)
    show("fork, load, run and kill: a process per event", timed(100, lambda: pool.run(per_event, wait_s=5)), started)
    pool.close()


def overshoot(pool: Pool) -> None:
    """How far past its limit a run gets, in ms of the limit's own clock."""
    for name, source, limits in (
        ("cpu, a loop", LOOP, Limits(cpu_ms=100)),
        ("cpu, a loop in C", C_LOOP, Limits(cpu_ms=100)),
        ("wall", SLEEP, Limits(wall_ms=100)),
    ):
        over = []
        for number in range(20):
            outcome = pool.run(make_job(source + "\n" * number, limits), wait_s=5)
            over.append((outcome.wall_ms if name == "wall" else outcome.cpu_ms) - 100)
        print(f"overshoot of 100 ms: {name:25} p50 {statistics.median(over):6.1f} ms  max {max(over):6.1f} ms")


def memory(executor: Executor) -> None:
    """Private and proportional memory of a full pool of 8."""
    pool = Pool(executor, size=7, spares=1)
    for number in range(7):
        pool.run(make_job(app=f"app {number}"), wait_s=5)
    time.sleep(SETTLE_S)
    keeper, zygote, *workers = family(executor)
    private = [kib(pid, "Private_Dirty") + kib(pid, "Private_Clean") for pid in workers]
    whole = sum(kib(pid, "Pss") for pid in (keeper, zygote, *workers))
    each = statistics.median(private) / 1024
    print(f"{len(workers)} idle workers: {each:.2f} MiB private each; with zygote {whole / 1024:.1f} MiB PSS")
    before = switches(keeper, zygote, *workers)
    time.sleep(IDLE_S)
    print(f"context switches of all of them in {IDLE_S} s idle: {switches(keeper, zygote, *workers) - before}")
    pool.close()


def family(executor: Executor) -> list[int]:
    """The executor, its zygote, and the workers."""

    def children(pid: int) -> list[int]:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    pid = executor.pid
    assert pid is not None
    (zygote,) = children(pid)
    return [pid, zygote, *children(zygote)]


def kib(pid: int, field: str) -> int:
    found = re.search(rf"^{field}:\s+(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
    return int(found[1]) if found else 0


def switches(*pids: int) -> int:
    texts = (Path(f"/proc/{pid}/status").read_text() for pid in pids)
    return sum(int(number) for text in texts for number in re.findall(r"ctxt_switches:\s+(\d+)", text))


def main() -> None:
    executor = Executor()
    executor.start()
    pool = Pool(executor)
    dispatch(pool, int(sys.argv[1]) if len(sys.argv) > 1 else 5_000)
    birth(executor)
    overshoot(pool)
    pool.close()
    memory(executor)
    executor.close()


if __name__ == "__main__":
    main()
