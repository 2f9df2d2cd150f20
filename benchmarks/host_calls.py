"""What it costs to record the host calls of a run: the same deliveries with and without it, in turns.

python -m benchmarks.host_calls [DELIVERIES]

Each handler reads its store so many times. Prints the processor's time of our own process (not of workers and PostgreSQL)
and the bytes of WAL for each delivery, and the processor's time for each call that is recorded, encoding included, without
any run around it. None of these hangs on what else the machine does.
"""

import logging
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import msgspec

from benchmarks.drain import database, dispatched, fill, make_script, wal_bytes
from picloud.sandbox_pool.executor import Executor
from picloud.sandbox_pool.outcome import HostCall
from picloud.sandbox_pool.pool import Pool
from picloud.services.code import runner as runner_module
from picloud.services.code.call_log import CALLS_MAX, CallLog
from picloud.services.code.runner import Runner
from picloud.settings import Settings

READS = (
    "def handler(ctx):\n    store = ctx.kv('notes')\n    for n in range({calls}):\n        store.get('key-' + str(n))\n"
)
ROUNDS = 5
ALONE = 2_000


class Silent:
    """Records nothing."""

    def __init__(self, host: Callable[[str, Mapping[str, Any]], Any]) -> None:
        self.calls: list[HostCall] = []
        self._host = host

    def __call__(self, verb: str, args: Mapping[str, Any]) -> Any:
        return self._host(verb, args)


def compare(calls: int, deliveries: int, settings: Settings) -> None:
    with tempfile.TemporaryDirectory(prefix="picloud-calls-") as folder, database(Path(folder)) as engine:
        executor = Executor()
        pool = Pool(executor, size=settings.sandbox_workers)
        app_id, script_id = make_script(engine, READS.format(calls=calls))
        used: dict[type, list[float]] = {CallLog: [], Silent: []}
        wal = dict.fromkeys((CallLog, Silent), 0)
        for _ in range(ROUNDS):
            for kind in (Silent, CallLog):
                fill(engine, app_id, script_id, deliveries)
                before, started = wal_bytes(engine), time.process_time()
                with mock.patch.object(runner_module, "CallLog", kind):
                    dispatched(engine, Runner(pool, settings), settings, deliveries)
                used[kind].append((time.process_time() - started) / deliveries)
                wal[kind] += wal_bytes(engine) - before
        pool.close()
        executor.close()
    each = {kind: total / ROUNDS / deliveries for kind, total in wal.items()}
    print(
        f"{calls:3} calls: {min(used[CallLog]) * 1000:.2f} ms a delivery instead of {min(used[Silent]) * 1000:.2f} (best of "
        f"{ROUNDS}); WAL {each[CallLog]:5.0f} bytes a delivery instead of {each[Silent]:5.0f}"
    )


def alone() -> None:
    def run(kind: type[CallLog] | type[Silent]) -> float:
        started = time.process_time()
        for _ in range(ALONE):
            log = kind(lambda verb, args: None)
            for number in range(CALLS_MAX):
                log("kv.get", {"collection": "notes", "key": f"key-{number}"})
            msgspec.json.encode(log.calls)
        return (time.process_time() - started) / ALONE / CALLS_MAX

    costs = [run(CallLog) - run(Silent) for _ in range(ROUNDS)]
    print(f"recording one call: {min(costs) * 1e6:.1f} us of processor time (best of {ROUNDS})")


def main(deliveries: int) -> None:
    logging.basicConfig(level=logging.WARNING, filename=os.devnull)
    alone()
    for calls in (1, 10, 50):
        compare(calls, deliveries, Settings(sandbox_workers=2))


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 1_000)
