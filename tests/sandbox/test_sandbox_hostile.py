"""A worker that has been taken over says whatever it likes to its driver: that ends its run, and nothing else."""

import contextlib
import json
import os
import select
import socket
import struct
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from picloud.sandbox_pool import frames
from picloud.sandbox_pool.driver import Run
from picloud.sandbox_pool.limits import MIB, Limits
from picloud.sandbox_pool.outcome import Outcome, Status
from picloud.sandbox_pool.pool import Pool
from picloud.sandbox_pool.process import WorkerProcess
from picloud.sandbox_pool.protocol import Channel, FrameTooLarge, Kind, ProtocolError
from picloud.sandbox_pool.words import words
from tests.sandbox.kit import RunScript, make_job

RAW = "import socket, struct\ndef handler(ctx):\n    send = worker._channel._sock.sendall\n"
ANSWERED = "        worker._channel._sock.recv(1 << 20)\n"
FRAME = "    send(struct.pack('!IB', len(body), kind) + body)\n"


def sends(raw_run: RunScript, kind: int, body: bytes, **options: Any) -> Outcome:
    return raw_run(f"{RAW}    kind, body = {kind}, {body!r}\n{FRAME}    return 'sent'", **options)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (0, b""),
        (255, b"{}"),
        (Kind.COMPILED, b"{}"),
        (Kind.EVENT, b"{}"),
        (Kind.LOG, b""),
        (Kind.LOG, b"not json"),
        (Kind.LOG, b"{}"),
        (Kind.LOG, b'{"level":"loud","message":"","fields":{},"at_ms":0}'),
        (Kind.LOG, b'{"level":"info","message":1,"fields":{},"at_ms":0}'),
        (Kind.LOG, b'{"level":"info","message":"","fields":[],"at_ms":0}'),
        (Kind.LOG, b'{"level":"info","message":"","fields":{},"at_ms":-1}'),
        (Kind.LOG, b'{"level":"info","message":"","fields":{},"at_ms":1e400}'),
        (Kind.LOG, b'{"level":"info","message":"","fields":{},"at_ms":0,"app":"another"}'),
        (Kind.LOG, b'{"level":"info","message":"\\ud800","fields":{},"at_ms":0}'),
        (Kind.LOG, b'{"level":"info","message":"","fields":{"a":' + b"[" * 20_000 + b"]" * 20_000 + b'},"at_ms":0}'),
        (Kind.CALL, b'{"verb":"kv.get","args":{},"app":"another"}'),
        (Kind.CALL, b'{"verb":"../../x","args":{}}'),
        (Kind.CALL, b'{"verb":"kv.get\\n","args":{}}'),
        (Kind.CALL, b'{"verb":"kv.get","args":null}'),
        (Kind.RESULT, b""),
        (Kind.RESULT, b"NaN"),
        (Kind.RESULT, b"[1,]"),
        (Kind.RESULT, b"\xff"),
        (Kind.RESULT, b"1 2"),
        (Kind.RESULT, b"[" * 100_000),
        (Kind.RESULT, b"[" * 100_000 + b"]" * 100_000),
        (Kind.RESPONSE, b""),
        (Kind.RESPONSE, b"\xff\xff\xff\xff\x00"),
        (Kind.RESPONSE, struct.pack("!IB", 2, 0) + b"{}"),
        (Kind.RESPONSE, struct.pack("!IB", 500, 0) + b"{}"),
        (Kind.FAILED, b'{"status":"ok","error":null,"control":null}'),
        (Kind.FAILED, b'{"status":"lost","error":null,"control":null}'),
        (Kind.SPENT, b"x"),
    ],
)
def test_broken_frames(raw_run: RunScript, kind: int, body: bytes) -> None:
    outcome = sends(raw_run, kind, body)
    assert outcome.status is Status.protocol
    assert outcome.result is None
    assert raw_run("def handler(ctx):\n    return 'fine'").result == b'"fine"'


@pytest.mark.parametrize("kind", [Kind.LOG, Kind.RESULT, Kind.RESPONSE])
@pytest.mark.parametrize("length", [2 * MIB, 0xFFFFFFFF])
def test_announcing_too_much_is_output(raw_run: RunScript, kind: Kind, length: int) -> None:
    outcome = raw_run(f"{RAW}    send(struct.pack('!IB', {length}, {kind}))\n    import time\n    time.sleep(60)")
    assert outcome.status is Status.output


def test_flooding_with_frames_ends(raw_run: RunScript) -> None:
    body = b'{"level":"info","message":"","fields":{},"at_ms":0}'
    outcome = raw_run(f"{RAW}    kind, body = {Kind.LOG}, {body!r}\n    while True:\n    {FRAME}")
    assert outcome.status is Status.output
    assert len(outcome.logs) <= Limits().log_lines


@pytest.mark.parametrize(
    "body", [b'{"verb":"kv.get","args":{}}', b'{"verb":"kv.get","args":{"a":[' + b"{}," * 200_000 + b"1]}}"]
)
def test_flooding_with_calls_ends(raw_run: RunScript, body: bytes) -> None:
    """Refusing costs the trusted side more CPU than asking costs the worker."""
    asked: list[str] = []
    source = f"{RAW}    kind, body = {Kind.CALL}, b'' + {body!r}\n    while True:\n    {FRAME}{ANSWERED}"
    outcome = raw_run(source, lambda verb, args: asked.append(verb), limits=Limits(cpu_ms=5_000))
    assert outcome.status is Status.output
    assert len(asked) <= Limits().host_calls


def test_a_handler_that_is_refused_for_its_quota_goes_on(run: RunScript) -> None:
    source = """
def handler(ctx):
    refused = 0
    for _ in range(15):
        try:
            ctx.kv("a").delete("b")
        except RuntimeError:
            refused += 1
    return refused
"""
    assert run(source, lambda verb, args: True, limits=Limits(host_calls=10)).result == b"5"


def test_spent_is_said_once(raw_run: RunScript) -> None:
    source = f"{RAW}    kind, body = {Kind.SPENT}, b''\n    while True:\n    {FRAME}"
    assert raw_run(source).status is Status.protocol


def test_a_dripping_frame_does_not_stretch_the_wall_limit(raw_run: RunScript) -> None:
    source = (
        f"{RAW}    import time\n    send(struct.pack('!IB', 1000, {Kind.RESULT}))\n"
        "    while True:\n        send(b'1')\n        time.sleep(0.02)"
    )
    outcome = raw_run(source, limits=Limits(wall_ms=300))
    assert outcome.status is Status.wall
    assert outcome.wall_ms < 10_000


def test_closing_the_socket_is_a_crash(raw_run: RunScript) -> None:
    assert (
        raw_run(f"{RAW}    worker._channel._sock.close()\n    import time\n    time.sleep(60)").status is Status.crash
    )


def test_a_forged_result_before_the_real_one_does_not_reach_the_next_event(raw_run: RunScript) -> None:
    """What a worker says too much stays in its own connection, and its own app has itself to blame."""
    sends(raw_run, Kind.RESULT, b'"forged"', app="forger")
    assert raw_run("def handler(ctx):\n    return 'fine'", app="honest").result == b'"fine"'


def test_which_app_asks_is_no_frames_to_say(raw_run: RunScript) -> None:
    asked: list[tuple[str, Mapping[str, Any]]] = []
    body = b'{"verb":"kv.get","args":{"app":"another","key":"k"}}'
    raw_run(
        f"{RAW}    kind, body = {Kind.CALL}, {body!r}\n{FRAME}    return 1",
        lambda verb, args: asked.append((verb, args)),
    )
    assert asked == [("kv.get", {"app": "another", "key": "k"})]  # the host knows the app from the job, not from here


def test_a_worker_that_only_says_it_is_done_is_stopped_and_replaced(raw_run: RunScript, raw_pool: Pool) -> None:
    """Between events nobody counts its CPU."""
    source = f"{RAW}    kind, body = {Kind.RESULT}, b'1'\n{FRAME}    while True:\n        pass"
    assert raw_run(source, app="liar").result == b"1"
    (liar,) = (seat.worker for seat in raw_pool._seats._idle if seat.key is not None and seat.key[0] == "liar")

    def rests() -> bool:
        before = time.clock_gettime_ns(liar._clock)
        time.sleep(0.3)
        return time.clock_gettime_ns(liar._clock) == before

    assert any(rests() for _ in range(20))
    following = raw_run(source, app="liar")
    # Where others keep the machine busy it gets so little CPU that it seems to rest; then its next run ends it.
    assert following.result == b"1" or following.status is Status.cpu
    assert not liar.alive()


def test_an_honest_worker_goes_on_after_it_was_stopped(run: RunScript, pool: Pool) -> None:
    source = "def handler(ctx):\n    return 'rested'"
    assert run(source).status is Status.ok
    seat = pool._seats._idle[-1]
    seat.worker.halt()
    assert run(source).result == b'"rested"'
    assert seat in pool._seats._idle
    assert seat.events == 2


def test_descriptors_sent_to_the_driver_are_not_taken() -> None:
    ours, theirs = socket.socketpair()
    with open(os.memfd_create("sent"), "wb") as sent:
        socket.send_fds(theirs, [framed(Kind.RESULT, b"1")], [sent.fileno()] * 50)
    outcome = Run(ScriptedWorker(ours), make_job("", limits=Limits(wall_ms=60_000)), None).drive([])
    assert outcome.result == b"1"
    assert not [fd for fd in Path("/proc/self/fd").iterdir() if "memfd:sent" in _target(fd)]
    ours.close()
    theirs.close()


def _target(descriptor: Path) -> str:
    """Other threads of the process open and close their own meanwhile."""
    try:
        return str(descriptor.readlink())
    except FileNotFoundError:
        return ""


def test_a_worker_that_does_not_read_its_replies_ends_at_its_wall_limit(raw_run: RunScript) -> None:
    call = b'{"verb": "kv.get", "args": {}}'
    deaf = "    import signal, time\n    signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\n    time.sleep(60)"
    source = f"{RAW}    kind, body = {Kind.CALL}, {call!r}\n{FRAME}{deaf}"
    outcome = raw_run(source, lambda verb, args: "x" * 20_000_000, limits=Limits(wall_ms=300))
    assert outcome.status is Status.wall
    assert outcome.wall_ms < 10_000


class ScriptedWorker(WorkerProcess):
    """A process handle whose other end is a thread of the test: for speed, with the real driver."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.channel = Channel(sock)
        self._patience_ms = 0
        self._readable = select.poll()
        self._readable.register(sock, select.POLLIN)

    def cpu_ns(self) -> int:
        return 0

    def growth(self, cpu_ns: int) -> int:
        return 0

    def signal(self, number: int) -> None:
        pass


def drive_against(answer: bytes) -> Outcome:
    ours, theirs = socket.socketpair()
    thread = threading.Thread(target=lambda: (theirs.sendall(answer), theirs.shutdown(socket.SHUT_WR)))
    thread.start()
    try:
        return Run(ScriptedWorker(ours), make_job("", limits=Limits(wall_ms=60_000)), lambda verb, args: None).drive([])
    finally:
        ours.close()
        thread.join()
        theirs.close()


def framed(kind: int, body: bytes) -> bytes:
    return struct.pack("!IB", len(body), kind) + body


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)
NAMES = words(
    "level message fields at_ms verb args status error control type script line traceback headers content_type form"
)
FIELDS = st.dictionaries(st.sampled_from(NAMES), JSON, max_size=6)
BODIES = st.binary(max_size=60) | (FIELDS | JSON).map(lambda value: json.dumps(value).encode())
KINDS = st.sampled_from([*Kind, 0, 7, 99, 255])
STREAMS = st.lists(st.tuples(KINDS, BODIES).map(lambda pair: framed(*pair)) | st.binary(max_size=12), max_size=6).map(
    b"".join
)


@settings(max_examples=400)
@given(STREAMS)
def test_no_stream_of_bytes_breaks_the_driver(stream: bytes) -> None:
    outcome = drive_against(stream)
    assert isinstance(outcome.status, Status)
    if outcome.status is Status.ok:
        assert outcome.result is not None or outcome.response is not None
        json.loads(outcome.result or b"null")
    else:
        assert outcome.error is not None


@settings(max_examples=300)
@given(st.binary(max_size=200), st.integers(1, 7))
def test_a_channel_gives_frames_or_refuses(data: bytes, step: int) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        for start in range(0, len(data), step):
            theirs.sendall(data[start : start + step])
        theirs.shutdown(socket.SHUT_WR)
        channel = Channel(ours)
        caps = {int(kind): 50 for kind in Kind}
        try:
            while True:
                kind, body = channel.receive(caps)
                assert kind in caps
                assert len(body) <= 50
        except (EOFError, ProtocolError):
            pass


@settings(max_examples=300)
@given(BODIES)
def test_decoders_refuse_with_their_own_errors_only(body: bytes) -> None:
    for decode in (
        frames.decode_log,
        frames.decode_call,
        frames.decode_failed,
        frames.decode_compiled,
        frames.split_response,
    ):
        with contextlib.suppress(ValueError, ProtocolError):  # msgspec's errors are ValueErrors
            decode(body)


def test_a_cap_is_checked_before_the_body_has_come() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(struct.pack("!IB", 1_000_000, Kind.RESULT))
        with pytest.raises(FrameTooLarge):
            Channel(ours).receive({Kind.RESULT: 999_999})
