"""However a worker ends, the app beside it keeps its own, and the killer's next event is fine."""

from dataclasses import replace

import pytest

from picloud.sandbox_pool.limits import MIB, Limits
from picloud.sandbox_pool.protocol import Kind
from tests.sandbox.kit import RunScript

NEIGHBOUR = "def handler(ctx):\n    return __import__('os').getpid()"
LIMITS = Limits(cpu_ms=200, wall_ms=60_000, memory_bytes=32 * MIB)

DEATHS = {
    "cpu": "while True:\n        pass",
    "wall": "import time\n    time.sleep(60)",
    "memory": "return bytearray(10**10)",
    "output": "return 'x' * 2_000_000",
    "syscall": "import os\n    os.fork()",
    "crash": "import ctypes\n    ctypes.string_at(0)",
    "protocol": f"worker._channel.send({int(Kind.RESULT)}, b'no json')\n    return 1",
    "error": "raise ValueError",
}


@pytest.mark.parametrize("status", DEATHS)
def test_a_neighbour_keeps_its_worker(raw_run: RunScript, status: str) -> None:
    limits = replace(LIMITS, wall_ms=500) if status == "wall" else LIMITS
    before = raw_run(NEIGHBOUR, app="neighbour").result
    assert raw_run(f"def handler(ctx):\n    {DEATHS[status]}", app=status, limits=limits).status == status
    assert raw_run(NEIGHBOUR, app="neighbour").result == before
    assert raw_run("def handler(ctx):\n    return 1", app=status, limits=LIMITS).result == b"1"
