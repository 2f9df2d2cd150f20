"""Tries out, before any handler runs, whether what confines a worker really holds. Fails closed: what can't be seen
to hold doesn't. Imports nothing but the standard library."""

import json
import signal
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from picloud.sandbox_pool.layers import Layer
from picloud.sandbox_pool.process import Exit, WorkerProcess
from picloud.sandbox_pool.protocol import Kind, ProtocolError
from picloud.sandbox_pool.units import MIB

Spawn = Callable[[int], WorkerProcess]
Bury = Callable[[WorkerProcess], Exit | None]

MEMORY_BYTES = 16 * MIB
_TIMEOUT_S = 10.0
_ATTEMPTS = 5
_CAPS: dict[int, int] = {Kind.PROBED: 4096}
_NO_SECCOMP = (
    "needs a kernel with CONFIG_SECCOMP_FILTER, on x86-64 or arm64; under systemd or in a container, the system call "
    "seccomp must be allowed"
)
_LIMITS = ("Max processes", "Max file size", "Max core file size", "Max locked memory", "Max msgqueue size")


class _Seen(NamedTuple):
    """Of a worker that was examined: what it was not refused, and what /proc says of it."""

    soft: list[str]
    hard_names: list[str]
    status: dict[str, str]
    limits: str


def examine(spawn: Spawn, bury: Bury, namespaces: Iterable[str], missing: Mapping[str, str]) -> tuple[Layer, ...]:
    """All layers. `missing` is what the child itself found to be lacking, with reasons.

    A worker that somebody kills in the middle says nothing about the layers: it is tried again.
    """
    seen = next(filter(None, (_look_at_one(spawn, bury) for _ in range(_ATTEMPTS))), None)
    if seen is None:
        return (Layer("self-test", True, False, f"{_ATTEMPTS} workers died while they were examined"),)
    hard = [name for name in seen.hard_names if not _is_killed_for(spawn, bury, name)]
    return (
        _system_calls(seen.soft, hard, seen.status, missing),
        _limits(seen.soft, seen.limits),
        _privileges(seen.status),
        _namespaces(tuple(namespaces)),
        _bonus("landlock", missing, "the kernel was built without it, as on Raspberry Pi OS; nothing depends on it"),
        _bonus("memory-deny-write-execute", missing, "needs Linux 6.3; the system call filter refuses the same"),
        _memory_group(),
    )


def _look_at_one(spawn: Spawn, bury: Bury) -> _Seen | None:
    worker = spawn(MEMORY_BYTES)
    try:
        names = _ask(worker, {"list": True})
        soft = [name for name in names["soft"] if not _ask(worker, {"try": name})["refused"]]
        return _Seen(soft, names["hard"], _status(worker), Path(f"/proc/{worker.pid}/limits").read_text())
    except (OSError, EOFError, ProtocolError, ValueError):
        return None
    finally:
        bury(worker)


def _ask(worker: WorkerProcess, request: Mapping[str, object]) -> dict[str, list[str]]:
    worker.be_patient(_TIMEOUT_S)
    worker.channel.send(Kind.PROBE, json.dumps(request).encode())
    _, body = worker.channel.receive(_CAPS)
    reply: dict[str, list[str]] = json.loads(body)
    return reply


def _is_killed_for(spawn: Spawn, bury: Bury, name: str) -> bool:
    for _ in range(_ATTEMPTS):
        worker = spawn(MEMORY_BYTES)
        try:
            _ask(worker, {"try": name})
            return False
        except (OSError, EOFError, ProtocolError, ValueError):
            pass
        finally:
            ended = bury(worker)
        if ended is not None and ended.code != -signal.SIGKILL:
            return ended.code == -signal.SIGSYS
    return False


def _status(worker: WorkerProcess) -> dict[str, str]:
    lines = Path(f"/proc/{worker.pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def _system_calls(soft: list[str], hard: list[str], status: Mapping[str, str], missing: Mapping[str, str]) -> Layer:
    succeeded = [name for name in [*soft, *hard] if name != "memory over the limit"]
    if status.get("Seccomp") == "2" and not succeeded:
        return Layer("system calls (seccomp)", True, True, "a worker is refused or killed for each forbidden call")
    why = missing.get("seccomp") or f"not stopped: {', '.join(succeeded) or 'unknown'}"
    return Layer("system calls (seccomp)", True, False, f"{why}; {_NO_SECCOMP}")


def _limits(soft: list[str], limits: str) -> Layer:
    zero = {line[:26].strip(): line[26:].split()[:2] for line in limits.splitlines()}
    loose = [name for name in _LIMITS if zero.get(name) != ["0", "0"]]
    if "memory over the limit" in soft:
        loose.append("memory")
    if loose:
        return Layer("limits (rlimits)", True, False, f"not enforced: {', '.join(loose)}")
    return Layer("limits (rlimits)", True, True, "memory, processes, files and descriptors are bounded")


def _privileges(status: Mapping[str, str]) -> Layer:
    found = []
    if status.get("NoNewPrivs") != "1":
        found.append("no-new-privileges is not set")
    if int(status.get("CapEff", "1"), 16) or int(status.get("CapPrm", "1"), 16):
        found.append("capabilities are left")
    if "0" in status.get("Uid", "0").split():
        found.append("the worker is root")
    detail = "; ".join(found) or "no root, no capabilities, no way to gain any"
    return Layer("privileges (no-new-privs)", True, not found, detail)


def _namespaces(entered: tuple[str, ...]) -> Layer:
    if entered:
        return Layer("namespaces", False, True, ", ".join(entered))
    why = "allow user namespaces (sysctl kernel.unprivileged_userns_clone, user.max_user_namespaces, AppArmor)"
    return Layer("namespaces", False, False, f"the kernel refused them; {why}")


def _bonus(name: str, missing: Mapping[str, str], remedy: str) -> Layer:
    return Layer(name, False, name not in missing, f"{missing[name]}; {remedy}" if name in missing else "in force")


def _memory_group() -> Layer:
    """Whether systemd's MemoryMax= does anything here."""
    enabled = memory_is_controlled(Path("/"))
    detail = "in force" if enabled else "off: MemoryMax= is ignored; cgroup_enable=memory in cmdline.txt turns it on"
    return Layer("memory control group", False, enabled, detail)


def memory_is_controlled(root: Path) -> bool:
    """By cgroup v2's own list (admin-guide/cgroup-v2 of Linux), or by /proc/cgroups (proc(5)), from which newer kernels leave
    out what they have for v2 alone (Linux commit af000ce85293; seen on a Raspberry Pi, raspberrypi/linux#6980)."""
    with suppress(OSError):
        if "memory" in (root / "sys/fs/cgroup/cgroup.controllers").read_text().split():
            return True
    with suppress(OSError, IndexError):
        rows = [line.split() for line in (root / "proc/cgroups").read_text().splitlines()]
        return any(row[0] == "memory" and row[3] == "1" for row in rows)
    return False
