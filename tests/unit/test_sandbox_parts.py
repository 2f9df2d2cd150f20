"""The small parts of the sandbox pool, each by itself."""

import re
import signal
import struct
from pathlib import Path

import pytest

from picloud.sandbox_pool.breaker import Breaker
from picloud.sandbox_pool.event import decode_event
from picloud.sandbox_pool.failure import describe
from picloud.sandbox_pool.limits import Limits
from picloud.sandbox_pool.outcome import Outcome, Status
from picloud.sandbox_pool.postmortem import amend
from picloud.sandbox_pool.process import Exit
from picloud.sandbox_pool.seccomp import ALLOWED, REFUSED, program
from picloud.sandbox_pool.selftest import memory_is_controlled
from picloud.sandbox_pool.syscalls import AARCH64, X86_64

KEY = ("app", "code", "main")
KILL, ALLOW, REFUSE = 0x80000000, 0x7FFF0000, 0x00050001


def test_limits_are_positive() -> None:
    assert Limits().as_dict()["cpu_ms"] == 1_000
    with pytest.raises(ValueError, match="at least 1"):
        Limits(cpu_ms=0)


class TestBreaker:
    def test_opens_after_five_kills_in_a_minute(self) -> None:
        breaker = Breaker()
        for second in range(4):
            breaker.killed(KEY, second)
            assert breaker.wait_s(KEY, second) == 0
        breaker.killed(KEY, 4)
        assert breaker.wait_s(KEY, 4) == 5
        assert breaker.wait_s(KEY, 9) == 0
        assert breaker.wait_s(("app", "code 2", "main"), 4) == 0

    def test_waits_twice_as_long_each_time_up_to_a_minute(self) -> None:
        breaker = Breaker()
        pauses = []
        now = 0.0
        for _ in range(5):
            breaker.killed(KEY, now)
        for _ in range(8):
            pauses.append(breaker.wait_s(KEY, now))
            breaker.killed(KEY, now)
        assert pauses == [5, 10, 20, 40, 60, 60, 60, 60]

    def test_forgets_old_kills(self) -> None:
        breaker = Breaker()
        for minute in range(20):
            breaker.killed(KEY, minute * 20)
            assert breaker.wait_s(KEY, minute * 20) == 0

    def test_closes_after_a_run_that_ended_well(self) -> None:
        breaker = Breaker()
        for _ in range(5):
            breaker.killed(KEY, 0)
        breaker.survived(KEY)
        assert breaker.wait_s(KEY, 0) == 0


@pytest.mark.parametrize(
    ("exit", "status"),
    [
        (None, Status.crash),
        (Exit(-signal.SIGKILL, 1.0, 20 << 20), Status.crash),
        (Exit(-signal.SIGSEGV, 1.0, 20 << 20), Status.crash),
        (Exit(1, 1.0, 20 << 20), Status.crash),
        (Exit(-signal.SIGSYS, 1.0, 20 << 20), Status.syscall),
        (Exit(-signal.SIGSEGV, 1.0, 75 << 20), Status.memory),
        (Exit(-signal.SIGKILL, 1.0, 80 << 20), Status.memory),
    ],
)
def test_postmortem(exit: Exit | None, status: Status) -> None:
    outcome = Outcome(Status.crash, Limits())
    amend(outcome, exit, base_resident_bytes=15 << 20)
    assert outcome.status is status


def test_postmortem_leaves_other_verdicts_alone() -> None:
    outcome = Outcome(Status.cpu, Limits())
    amend(outcome, Exit(-signal.SIGSYS, 1.0, 0), 0)
    assert outcome.status is Status.cpu


def simulate(machine: str, number: int, arguments: tuple[int, ...] = (), arch: int | None = None) -> int:
    """What the filter answers: an interpreter of the few instructions that it uses."""
    code = program(machine)
    steps = [struct.unpack_from("=HBBI", code, at) for at in range(0, len(code), 8)]
    arch = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}[machine] if arch is None else arch
    data = struct.pack("=IIQ6Q", number, arch, 0, *(*arguments, *[0] * 6)[:6])
    at = accumulator = 0
    while True:
        what, if_true, if_false, operand = steps[at]
        at += 1
        if what == 0x06:
            return int(operand)
        if what == 0x20:
            (accumulator,) = struct.unpack_from("=I", data, operand)
        elif what == 0x54:
            accumulator &= operand
        else:
            holds = {0x15: accumulator == operand, 0x35: accumulator >= operand, 0x45: bool(accumulator & operand)}[
                what
            ]
            at += if_true if holds else if_false


@pytest.mark.parametrize(("machine", "numbers"), [("x86_64", X86_64), ("aarch64", AARCH64)])
class TestFilter:
    def test_every_call_gets_its_answer(self, machine: str, numbers: dict[str, int]) -> None:
        allowed = {numbers[name] for name in ALLOWED if name in numbers}
        refused = {numbers[name] for name in REFUSED if name in numbers}
        assert not allowed & refused
        checked = {numbers[name] for name in ("mmap", "mprotect", "mremap", "madvise", "futex")}
        for number in range(600):
            if number not in checked:
                expected = ALLOW if number in allowed else REFUSE if number in refused else KILL
                assert simulate(machine, number) == expected, number

    def test_foreign_architectures_and_x32_are_killed(self, machine: str, numbers: dict[str, int]) -> None:
        assert simulate(machine, numbers["getpid"], arch=0x40000003) == KILL
        assert simulate(machine, numbers["getpid"] | 0x40000000) == KILL
        assert simulate(machine, 0xFFFFFFFF) == KILL

    @pytest.mark.parametrize(
        ("name", "arguments", "answer"),
        [
            ("mmap", (0, 4096, 3, 0x22), ALLOW),
            ("mmap", (0, 4096, 0, 0x4022), ALLOW),
            ("mmap", (0, 4096, 7, 0x22), REFUSE),
            ("mmap", (0, 4096, 4, 0x22), REFUSE),
            ("mmap", (0, 4096, 3, 0x21), REFUSE),
            ("mmap", (0, 4096, 3, 0x23), REFUSE),
            ("mmap", (0, 4096, 3, 0x02), REFUSE),
            ("mmap", (0, 4096, 3, 0x20), REFUSE),
            ("mmap", (0, 4096, 3, 0x122), REFUSE),
            ("mmap", (0, 4096, 3, 0x40022), REFUSE),
            ("mmap", (0, 4096, 3, 0x2022), REFUSE),
            ("mmap", (0, 4096, 3 | 1 << 40, 0x22), REFUSE),
            ("mmap", (0, 4096, 3, 0x22 | 1 << 32), REFUSE),
            ("mmap", (0, 4096, 3, 0x32), REFUSE),
            ("mmap", (1 << 40, 4096, 3, 0x22), REFUSE),
            ("mmap", (4096, 4096, 3, 0x22), REFUSE),
            ("clock_gettime", (2,), ALLOW),
            ("clock_gettime", (2**64 - 10,), REFUSE),
            ("clock_gettime", (2**32 - 10,), REFUSE),
            ("clock_nanosleep", (1,), ALLOW),
            ("clock_nanosleep", (2**64 - 10,), REFUSE),
            ("mprotect", (0, 4096, 3), ALLOW),
            ("mprotect", (0, 4096, 0), ALLOW),
            ("mprotect", (0, 4096, 5), REFUSE),
            ("mprotect", (0, 4096, 0x01000003), REFUSE),
            ("mremap", (0, 4096, 8192, 1), ALLOW),
            ("mremap", (0, 4096, 8192, 3), REFUSE),
            ("mremap", (0, 4096, 8192, 5), REFUSE),
            ("madvise", (0, 4096, 4), ALLOW),
            ("madvise", (0, 4096, 8), ALLOW),
            ("madvise", (0, 4096, 14), REFUSE),
            ("madvise", (0, 4096, 100), REFUSE),
            ("futex", (0, 128), ALLOW),
            ("futex", (0, 129), ALLOW),
            ("futex", (0, 0x189), ALLOW),
            ("futex", (0, 3), REFUSE),
            ("futex", (0, 11), REFUSE),
        ],
    )
    def test_arguments(
        self, machine: str, numbers: dict[str, int], name: str, arguments: tuple[int, ...], answer: int
    ) -> None:
        assert simulate(machine, numbers[name], arguments) == answer


@pytest.mark.parametrize(
    ("header", "numbers"),
    [
        ("/usr/include/x86_64-linux-gnu/asm/unistd_64.h", X86_64),
        ("/usr/include/asm-generic/unistd.h", AARCH64),
    ],
)
def test_numbers_are_the_kernels(header: str, numbers: dict[str, int]) -> None:
    if not Path(header).exists():
        pytest.skip(f"{header} is not installed")
    text = Path(header).read_text()
    found = {name: int(number) for name, number in re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", text)}
    names = {"newfstatat": "fstatat"} if "generic" in header else {}
    for name, number in numbers.items():
        assert found.get(names.get(name, name), number) == number, name
    assert len(found.keys() & numbers.keys()) > 50


@pytest.mark.parametrize(
    ("v2", "v1", "controlled"),
    [
        ("cpuset cpu io memory pids", "cpuset 0 49 1", True),  # as on newer kernels: not in /proc/cgroups
        ("cpuset cpu io pids", "cpuset 0 49 1\nmemory 0 49 0", False),  # a Raspberry Pi's, off
        (None, "#subsys_name hierarchy num_cgroups enabled\nmemory 4 20 1", True),
        (None, "", False),
        (None, None, False),
    ],
)
def test_whether_memory_is_controlled(tmp_path: Path, v2: str | None, v1: str | None, controlled: bool) -> None:
    for path, text in (("sys/fs/cgroup/cgroup.controllers", v2), ("proc/cgroups", v1)):
        if text is not None:
            (tmp_path / path).parent.mkdir(parents=True)
            (tmp_path / path).write_text(text)
    assert memory_is_controlled(tmp_path) is controlled


def test_events_read_by_attribute_and_key() -> None:
    def no_call(*_: object) -> None:
        raise AssertionError("nothing in this event is asked for")

    event = decode_event(b'{"kind": "email", "email": {"from": "a", "to": ["b"], "items": 1}}', no_call)
    mail = event.email
    assert (mail.from_, mail["from"], mail.to, mail["items"]) == ("a", "a", ["b"], 1)
    with pytest.raises(AttributeError, match="there is no 'cc' here; there is: from, to, items"):
        _ = mail.cc
    with pytest.raises(KeyError):
        _ = mail["cc"]


def test_a_failure_tells_the_scripts_own_frames_only() -> None:
    sources = {"main": "def f():\n    return {}['x']"}
    namespace: dict[str, object] = {}
    exec(compile(sources["main"], "main", "exec"), namespace)
    try:
        namespace["f"]()  # type: ignore[operator]
    except KeyError as error:
        report = describe(error, sources, 0)
    assert report["status"] == "error"
    assert report["error"]["line"] == 2
    assert "test_sandbox_parts" not in report["error"]["traceback"]


def test_a_failure_whose_message_fails() -> None:
    class Odd(Exception):
        def __str__(self) -> str:
            raise ValueError

    assert describe(Odd(), {}, 0)["error"]["message"] == "(its message can't be shown)"


def test_a_failure_is_capped() -> None:
    assert len(describe(ValueError("x" * 100_000), {}, 0)["error"]["message"]) == 2_000
