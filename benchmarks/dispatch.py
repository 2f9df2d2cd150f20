"""The sandbox pool's figures, each beside a baseline of the same run: read the ratios, not the microseconds.

python benchmarks/dispatch.py [events]
"""

import json
import multiprocessing
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

from picloud.sandbox_pool.executor import Executor
from picloud.sandbox_pool.job import CodeBundle, Job
from picloud.sandbox_pool.limits import Limits
from picloud.sandbox_pool.pool import Pool

NOOP = "def handler(ctx):\n    return None"
ROUNDS = 5


def echo(sock: socket.socket, other_end: socket.socket) -> None:
    other_end.close()
    while data := sock.recv(65536):
        sock.sendall(data)


def timed(times: int, action: Callable[[], object]) -> list[float]:
    """Microseconds of each of `times` calls."""
    taken = []
    for _ in range(times):
        started = time.perf_counter_ns()
        action()
        taken.append((time.perf_counter_ns() - started) / 1000)
    return taken


def show(name: str, taken: list[float], base: list[float]) -> None:
    ordered, reference = sorted(taken), sorted(base)
    p50, p99 = (ordered[int(len(ordered) * share)] for share in (0.5, 0.99))
    print(f"{name:44} p50 {p50:9.1f} us  p99 {p99:9.1f} us  {p50 / statistics.median(reference):7.2f} x the baseline")


def make_job() -> Job:
    event = {"id": "0", "kind": "manual", "attempt": 1, "occurred_at": "", "trace_id": "", "depth": 0, "manual": {}}
    return Job("app", CodeBundle("noop", "main", {"main": NOOP}), json.dumps(event).encode(), {}, Limits())


def dispatch(pool: Pool, events: int) -> None:
    """Warm dispatch against an echo over a bare socketpair, turn by turn."""
    ours, theirs = socket.socketpair()
    process = multiprocessing.get_context("fork").Process(target=echo, args=(theirs, ours), daemon=True)
    process.start()
    theirs.close()
    job = make_job()
    warm, bare = [], []
    for _ in range(ROUNDS):
        bare += timed(events // ROUNDS, lambda: (ours.sendall(job.event), ours.recv(65536)))
        warm += timed(events // ROUNDS, lambda: pool.run(job, wait_s=1))
    show("socketpair echo (baseline)", bare, bare)
    show("warm dispatch", warm, bare)
    ours.close()
    process.join()


def birth(executor: Executor) -> None:
    """From asking for a worker until it has answered, against starting Python with the same imports."""

    def born() -> None:
        worker = executor.spawn(Limits().memory_bytes)
        worker.channel.send(6, b'{"list": true}')
        worker.channel.receive({23: 4096})
        executor.bury(worker)

    command = [sys.executable, "-c", "import picloud.sandbox_pool.zygote"]
    started = timed(10, lambda: subprocess.run(command, check=True))
    show("start of Python with the imports (baseline)", started, started)
    show("a confined worker: fork, answer, kill", timed(100, born), started)


def main() -> None:
    executor = Executor()
    executor.start()
    pool = Pool(executor)
    dispatch(pool, int(sys.argv[1]) if len(sys.argv) > 1 else 5_000)
    birth(executor)
    pool.close()
    executor.close()


if __name__ == "__main__":
    main()
