"""`ExecutorServer` behind a real socket: drivers that come, vanish and hang, and an executor that dies or lies."""

import json
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from picloud.sandbox_pool import executor as executor_module
from picloud.sandbox_pool import remote_child
from picloud.sandbox_pool.executor import Executor, ExecutorGone
from picloud.sandbox_pool.executor_server import ExecutorServer
from picloud.sandbox_pool.limits import Limits
from picloud.sandbox_pool.outcome import Status
from picloud.sandbox_pool.pool import Pool
from picloud.sandbox_pool.remote_child import ExecutorSocket
from tests.functional.serving import Child, children, descendants, read_process
from tests.sandbox.kit import HERE, make_job, runner

FINE = "def handler(ctx):\n    return 1\n"
ENDLESS = "def handler(ctx):\n    while True:\n        pass\n"
SERVER = "the server of this test"
WAIT_S = 60.0
"""Only a failure waits so long."""

Connect = Callable[[], Executor]


def listening_at(path: Path) -> socket.socket:
    path.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listening.bind(str(path))
    return listening


@contextmanager
def serving(path: Path, module: str = "picloud.sandbox_pool.zygote") -> Iterator[ExecutorServer]:
    with listening_at(path) as listening:
        server = ExecutorServer(listening, module, (str(HERE),))
        thread = threading.Thread(target=server.run, name=SERVER)
        thread.start()
        try:
            yield server
        finally:
            server.stop()
            thread.join(WAIT_S)
            assert not thread.is_alive()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "executor.sock"


@pytest.fixture
def connect(path: Path) -> Iterator[Connect]:
    with ExitStack() as stack:

        def made() -> Executor:
            executor = Executor(connect=ExecutorSocket(path))
            stack.callback(executor.close)
            return executor

        yield made


@contextmanager
def pool_on(executor: Executor) -> Iterator[Pool]:
    pool = Pool(executor, size=2, spares=0)
    try:
        yield pool
    finally:
        pool.close()


def until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def executors() -> set[int]:
    """Our children that keep a zygote. Pools that outlive this test have some, too."""
    return {child.pid for child in children(os.getpid()) if "picloud.sandbox_pool.zygote" in child.argv}


@contextmanager
def new_family() -> Iterator[Callable[[], list[Child]]]:
    """All processes of the executors that are started within the block; the last ones found, once these are gone."""
    before, seen = executors(), {}

    def family() -> list[Child]:
        for pid in executors() - before:
            seen.update({child.pid: child for child in (read_process(pid), *descendants(pid)) if child is not None})
        return list(seen.values())

    yield family


def gone(family: list[Child]) -> bool:
    now = [read_process(child.pid) for child in family]
    return not any(
        one is not None and one.started == child.started and one.state not in "ZX"
        for child, one in zip(family, now, strict=True)
    )


def test_events_run_and_limits_hold_as_within_one_process(path: Path, connect: Connect) -> None:
    limits, short = Limits(cpu_ms=200), Limits(wall_ms=300)
    with serving(path), pool_on(connect()) as pool:
        run = runner(pool)
        assert [run(FINE).result, run(FINE).result] == [b"1", b"1"]
        spinning = run(ENDLESS, limits=limits)
        assert spinning.status is Status.cpu
        assert spinning.error is not None
        assert spinning.error.line == 2
        stubborn = "def handler(ctx):\n    sum(range(10**12))\n"
        assert run(stubborn, limits=limits).status is Status.cpu  # C code heeds no polite signal: this was SIGKILL
        assert run("import time\ndef handler(ctx):\n    time.sleep(9)\n", limits=short).status is Status.wall
        assert run(FINE).status is Status.ok


def test_an_idle_worker_is_stopped_and_wakes_again(path: Path, connect: Connect) -> None:
    with serving(path), pool_on(connect()) as pool:
        assert runner(pool)(FINE).status is Status.ok
        [seat] = pool._seats._idle
        until(lambda: Path(f"/proc/{seat.worker.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T")
        assert runner(pool)(FINE).status is Status.ok
        assert [found.worker.pid for found in pool._seats._idle] == [seat.worker.pid]


def test_a_driver_that_goes_leaves_nothing_behind(path: Path, connect: Connect) -> None:
    with new_family() as family, serving(path):
        executor = connect()
        with pool_on(executor) as pool:
            assert runner(pool)(FINE).status is Status.ok
            assert len(family()) >= 3  # executor, zygote and worker
        executor.close()
        until(lambda: gone(family()))


def test_a_driver_that_goes_ends_even_a_zygote_that_hangs(path: Path, connect: Connect) -> None:
    with new_family() as family, serving(path):
        executor = connect()
        executor.layers()
        assert len(family()) >= 2
        for child in family():
            child.send(signal.SIGSTOP)
        executor.close()
        until(lambda: gone(family()))


def test_two_drivers_have_nothing_in_common(path: Path, connect: Connect) -> None:
    with serving(path), pool_on(connect()) as one, pool_on(connect()) as other:
        assert runner(one)(FINE).status is runner(other)(FINE).status is Status.ok
        [ours], [theirs] = one._seats._idle, other._seats._idle
        assert ours.worker.child is not theirs.worker.child
        one._executor.close()
        assert runner(other)(FINE).status is Status.ok
        assert [seat.worker.pid for seat in other._seats._idle] == [theirs.worker.pid]


def test_an_executor_that_dies_ends_its_runs_and_is_found_again(path: Path, connect: Connect) -> None:
    executor = connect()
    with pool_on(executor) as pool:
        outcomes = []
        with serving(path) as server:
            running = threading.Thread(target=lambda: outcomes.append(runner(pool)(ENDLESS).status))
            running.start()
            until(lambda: pool._seats._running)
            server.stop()
            running.join(WAIT_S)
        assert outcomes == [Status.crash]
        path.unlink()
        with pytest.raises(ExecutorGone, match="No such file"):
            pool.run(make_job(FINE), wait_s=1)
        with serving(path):
            until(lambda: _ran(pool))


def _ran(pool: Pool) -> bool:
    try:
        return pool.run(make_job(FINE), wait_s=WAIT_S).status is Status.ok
    except ExecutorGone:
        return False


def test_after_a_failure_it_is_not_tried_at_once_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_child, "FIRST_PAUSE_S", 600.0)
    monkeypatch.setattr(remote_child, "LONGEST_PAUSE_S", 600.0)
    connect = ExecutorSocket(path)
    executor = Executor(connect=connect)
    with pytest.raises(ExecutorGone):
        executor.layers()
    with listening_at(path) as listening:
        listening.listen()
        listening.setblocking(False)
        with pytest.raises(ExecutorGone):
            executor.layers()
        with pytest.raises(BlockingIOError):
            listening.accept()


def test_an_executor_that_comes_back_without_its_confinement_gets_no_event(path: Path, connect: Connect) -> None:
    with pool_on(connect()) as pool:
        with new_family() as family, serving(path):
            assert runner(pool)(FINE).status is Status.ok
            confined = family()
        assert confined
        until(lambda: gone(confined))
        with serving(path, "open_zygote"), pytest.raises(ExecutorGone, match="can't be confined"):
            runner(pool)(FINE)


def test_the_watchdog_s_question_is_answered_while_the_loop_turns(path: Path) -> None:
    with serving(path) as server:
        assert server.responds(WAIT_S)
    assert not server.responds(0.05)


def test_it_sleeps_when_nothing_comes(path: Path, connect: Connect) -> None:
    with serving(path), pool_on(connect()) as pool:
        assert runner(pool)(FINE).status is Status.ok
        [thread] = [each for each in threading.enumerate() if each.name == SERVER]
        until(lambda: not pool._awake)

        def sleeps() -> bool:
            before = _switches(thread.native_id)
            time.sleep(0.5)
            return _switches(thread.native_id) == before

        assert any(sleeps() for _ in range(6))  # the first may still see it lie down; a timer would show in each


def _switches(thread_id: int | None) -> list[str]:
    lines = Path(f"/proc/self/task/{thread_id}/status").read_text().splitlines()
    return [line for line in lines if "ctxt_switches" in line]


GREETING = {"namespaces": {}, "missing": {}}
LIES: list[object] = [
    b"",
    b"\xff",
    b"[]",
    b"[" * 500,
    b"7",
    {},
    {"namespaces": {}, "missing": 1},
    (GREETING, {}),
    (GREETING, {"pid": "2"}),
    (GREETING, {"pid": 2}),
    (GREETING, {"pid": 2**70}, "socket", "pidfd"),
    (GREETING, {"pid": 2}, "socket"),
    (GREETING, {"pid": 2}, "file", "pidfd"),
    (GREETING, {"pid": 2}, "socket", "file"),
    (GREETING, {"pid": 2}, "datagram", "pidfd"),
    (GREETING, {"pid": 2}, "socket", "pidfd"),
]


@pytest.mark.parametrize("lie", LIES, ids=str)
def test_an_executor_that_lies_is_not_believed_and_leaks_nothing(
    lie: object, path: Path, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executor_module, "_ATTEMPTS", 1)
    with listening_at(path) as listening:
        listening.listen()
        liar = threading.Thread(target=_lie, args=(listening, lie))
        liar.start()

        def leaks_nothing() -> bool:
            before = len(os.listdir("/proc/self/fd"))
            executor = connect()
            with pytest.raises(ExecutorGone):
                executor.layers()
            executor.close()
            return len(os.listdir("/proc/self/fd")) <= before

        try:
            # Pools of other tests open descriptors of their own meanwhile; a leak would show each time.
            assert any(leaks_nothing() for _ in range(10))
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            liar.join(WAIT_S)


def _lie(listening: socket.socket, lie: object) -> None:
    """Says the same to each that connects, to its every request."""
    while True:
        try:
            connection, _ = listening.accept()
        except OSError:
            return
        with connection, suppress(OSError):
            greeting, message, *fds = lie if isinstance(lie, tuple) else (lie, lie)
            connection.send(_bytes(greeting))
            while connection.recv(4_096):
                with ExitStack() as stack:
                    given = [stack.enter_context(_fd(kind)) for kind in fds]
                    socket.send_fds(connection, [_bytes(message)], given)


def _bytes(message: object) -> bytes:
    return message if isinstance(message, bytes) else json.dumps(message).encode()


@contextmanager
def _fd(kind: object) -> Iterator[int]:
    with ExitStack() as stack:
        if kind == "socket":
            ours, theirs = socket.socketpair()
            theirs.close()
            yield stack.enter_context(ours).fileno()
        elif kind == "datagram":
            yield stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)).fileno()
        elif kind == "file":
            yield stack.enter_context(Path("/dev/null").open("rb")).fileno()
        else:
            pidfd = os.pidfd_open(os.getpid())
            stack.callback(os.close, pidfd)
            yield pidfd
