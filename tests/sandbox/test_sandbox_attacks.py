"""The boundary: plain Python and ctypes inside a worker, with the language layer off.

Each attack must be refused or the worker killed. The control run shows that it is real: without confinement it succeeds.
"""

import subprocess
from collections.abc import Iterator

import pytest

from picloud.sandbox_pool.executor import Executor
from picloud.sandbox_pool.limits import MIB, Limits
from picloud.sandbox_pool.outcome import Outcome, Status
from picloud.sandbox_pool.pool import Pool
from tests.sandbox.attacks import ATTACKS, PRELUDE, Attack
from tests.sandbox.kit import HERE, RunScript, runner


def _pool_of(module: str, *, unconfined: bool = False) -> Iterator[RunScript]:
    executor = Executor(module, (str(HERE),), accept_unconfined=unconfined)
    pool = Pool(executor, size=1, spares=1)
    yield runner(pool)
    pool.close()
    executor.close()


@pytest.fixture(scope="module")
def bare_run() -> Iterator[RunScript]:
    """Seccomp and resource limits alone."""
    yield from _pool_of("raw_zygote_bare")


@pytest.fixture(scope="module")
def open_run() -> Iterator[RunScript]:
    """No confinement at all: the control."""
    yield from _pool_of("open_zygote", unconfined=True)


def failed(outcome: Outcome) -> bool:
    """Refused (an exception, or a result that says no) or killed."""
    if outcome.status is Status.ok:
        return outcome.result in (b"false", b"null", b"0", b"[]", b'""')
    return outcome.status in (Status.error, Status.syscall, Status.memory, Status.crash)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_fails_with_all_layers(raw_run: RunScript, attack: Attack) -> None:
    outcome = raw_run(attack.source, per_event=True)
    assert failed(outcome), outcome


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_fails_with_the_required_layers_alone(bare_run: RunScript, attack: Attack) -> None:
    outcome = bare_run(attack.source, per_event=True)
    assert failed(outcome), outcome


@pytest.mark.parametrize("attack", [attack for attack in ATTACKS if attack.real], ids=lambda attack: attack.name)
def test_is_real(open_run: RunScript, attack: Attack) -> None:
    if attack.name == "user namespace" and subprocess.run(["unshare", "--user", "true"], check=False).returncode:
        pytest.skip("this place (a chroot, or a container) allows nobody a user namespace")
    outcome = open_run(attack.source, per_event=True)
    assert outcome.status is Status.ok, outcome
    assert not failed(outcome), outcome


def test_ignoring_every_signal_does_not_help_against_the_cpu_limit(raw_run: RunScript) -> None:
    body = """
for n in range(1, 65):
    try:
        signal.signal(n, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
while True:
    pass
"""
    outcome = raw_run(Attack("", body).source, limits=Limits(cpu_ms=200))
    assert outcome.status is Status.cpu
    assert outcome.cpu_ms < 5_000


def test_blocking_every_signal_does_not_help_against_the_wall_limit(raw_run: RunScript) -> None:
    body = "signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\ntime.sleep(60)"
    assert raw_run(Attack("", body).source, limits=Limits(wall_ms=200)).status is Status.wall


def test_a_raw_hoard_ends_as_memory(raw_run: RunScript) -> None:
    source = PRELUDE + "\ndef handler(ctx):\n    kept = []\n    while True:\n        kept.append(bytearray(1 << 20))\n"
    assert raw_run(source, limits=Limits(memory_bytes=32 * MIB)).status is Status.memory


def test_memory_by_mmap_is_counted(raw_run: RunScript) -> None:
    body = "kept = []\nwhile True:\n    kept.append(mmap.mmap(-1, 1 << 20, mmap.MAP_PRIVATE))\n    kept[-1][:] = b'x' * (1 << 20)"
    outcome = raw_run(Attack("", body).source, limits=Limits(memory_bytes=32 * MIB))
    assert outcome.status in (Status.memory, Status.error)
    assert outcome.memory_peak_bytes < 40 * MIB


def test_only_one_descriptor_is_open(raw_run: RunScript) -> None:
    body = """
found = 0
for fd in range(256):
    try:
        os.read(fd, 0)
        found += 1
    except OSError:
        pass
return found
"""
    assert raw_run(Attack("", body).source).result == b"1"


def test_a_worker_cannot_reach_its_neighbour(raw_run: RunScript) -> None:
    """Another app's worker is alive beside it, in the same namespaces and with the same uid."""
    raw_run("def handler(ctx):\n    return 1", app="neighbour")
    for call in ("'ptrace', 16", "'process_vm_readv', pid", "'kill', pid"):
        body = f"for pid in range(2, 40):\n    call({call}, pid, 0, 0, 0, 0)"
        outcome = raw_run(Attack("", body).source, app="attacker", per_event=True)
        assert outcome.status is Status.syscall
    assert raw_run("def handler(ctx):\n    return 1", app="neighbour").status is Status.ok
