"""Executor and driver as two unprivileged users, of whom neither may signal the other's processes."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
WAIT_S = 60.0
EXECUTOR, DRIVER, STRANGER, GROUP, NO_GROUP = (100_000 + 10 * os.getpid() + number for number in range(5))
"""Nobody's, and no other test process's."""
SERVE = """
import socket, sys
from picloud.sandbox_pool.executor_server import ExecutorServer
listening = socket.socket(fileno=int(sys.argv[1]))
ExecutorServer(listening).run()
"""
DRIVE = """
import json, sys
from pathlib import Path
from picloud.sandbox_pool.executor import Executor, ExecutorGone
from picloud.sandbox_pool.limits import Limits
from picloud.sandbox_pool.pool import Pool
from picloud.sandbox_pool.remote_child import ExecutorSocket
from tests.sandbox.kit import runner
executor = Executor(connect=ExecutorSocket(Path(sys.argv[1])))
try:
    executor.layers()
except ExecutorGone as error:
    print(json.dumps({"error": str(error)}))
    sys.exit()
pool = Pool(executor, size=1, spares=0)
run = runner(pool)
limits = Limits(cpu_ms=200)
said = [run("def handler(ctx):\\n    return 1\\n"), run("def handler(ctx):\\n    sum(range(10**12))\\n", limits=limits)]
said.append(run("def handler(ctx):\\n    while True:\\n        pass\\n", limits=limits))
print(json.dumps({"statuses": [each.status for each in said], "line": said[-1].error.line}))
pool.close()
executor.close()
"""
PROBE = "import msgspec, RestrictedPython, tests.sandbox.kit"

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become two users")


def environ() -> dict[str, str]:
    return {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path]), "PYTHONDONTWRITEBYTECODE": "1"}


@pytest.fixture(scope="module")
def python() -> str:
    """An interpreter that other users may run, with what the sandbox needs."""
    for candidate in (sys.executable, "/usr/bin/python3"):
        command = [candidate, "-c", PROBE]
        try:
            done = subprocess.run(command, user=DRIVER, group=GROUP, env=environ(), capture_output=True, check=False)
        except OSError:
            continue
        if done.returncode == 0:
            return candidate
    pytest.skip("no interpreter is within reach of other users")


@pytest.fixture
def path(python: str, tmp_path: Path) -> Iterator[Path]:
    """Where an executor of its own user listens, for the group alone."""
    folder = Path("/run") / f"picloud-test-users-{os.getpid()}"
    folder.mkdir()
    path = folder / "executor.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
        listening.bind(str(path))
        os.chown(path, 0, GROUP)
        path.chmod(0o660)
        listening.listen()  # as systemd does it: who connects early waits, and is not refused
        server = subprocess.Popen(
            [python, "-c", SERVE, str(listening.fileno())],
            user=EXECUTOR,
            group=EXECUTOR,
            extra_groups=[],
            env=environ(),
            pass_fds=[listening.fileno()],
        )
    yield path
    server.kill()
    server.wait()
    path.unlink()
    folder.rmdir()


def drive(python: str, path: Path, user: int, group: int) -> dict[str, Any]:
    command = [python, "-c", DRIVE, str(path)]
    done = subprocess.run(
        command, user=user, group=group, extra_groups=[], env=environ(), capture_output=True, check=False
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_limits_hold_although_the_driver_may_not_signal_the_workers(python: str, path: Path) -> None:
    assert drive(python, path, DRIVER, GROUP) == {"statuses": ["ok", "cpu", "cpu"], "line": 2}
    deadline = time.monotonic() + WAIT_S
    while len(list(_processes_of(EXECUTOR))) > 1 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(list(_processes_of(EXECUTOR))) == 1  # the server alone is left


def test_who_is_not_in_the_group_gets_no_worker(python: str, path: Path) -> None:
    assert "Permission denied" in drive(python, path, STRANGER, NO_GROUP)["error"]


def _processes_of(user: int) -> Iterator[int]:
    """By their status: the folders of those that may not be dumped are root's."""
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            if f"\nUid:\t{user}\t" in Path(f"/proc/{name}/status").read_text():
                yield int(name)
        except (FileNotFoundError, ProcessLookupError):
            continue
