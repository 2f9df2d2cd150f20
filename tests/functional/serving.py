"""A real `picloud serve`: a process of its own, driven by its command line, sockets and signals alone."""

import ctypes
import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.message import Message
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.functional.client import Client
from tests.pace import PATIENCE, UNCONFINED

PROGRAM = str(Path(sys.executable).with_name("picloud"))
OWNER = "owner@example.com"
READY_S = 60.0 * PATIENCE
REQUEST_S = 30.0 * PATIENCE
EXIT_S = 40.0 * PATIENCE
_POLL_S = 0.02
_PR_SET_CHILD_SUBREAPER = 36
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_ports: list[socket.socket] = []


@dataclass(frozen=True)
class Child:
    """A process as /proc shows it (proc_pid_stat(5)). `started`, in clock ticks, tells it from a later one."""

    pid: int
    parent: int
    state: str
    started: int
    cpu_s: float

    @property
    def argv(self) -> list[str]:
        return self._read("cmdline").split("\0")

    @property
    def environ(self) -> str:
        """Empty where not even its own user may read it."""
        try:
            return self._read("environ")
        except PermissionError:
            return ""

    def _read(self, name: str) -> str:
        with suppress(FileNotFoundError, ProcessLookupError):
            return Path(f"/proc/{self.pid}/{name}").read_bytes().decode()
        return ""

    def kill(self) -> None:
        """SIGKILL, as `send`."""
        self.send(signal.SIGKILL)

    def send(self, number: signal.Signals) -> None:
        """Unless its number is another's by now."""
        with suppress(ProcessLookupError):
            pidfd = os.pidfd_open(self.pid)
            try:
                now = read_process(self.pid)
                if now is not None and now.started == self.started:
                    signal.pidfd_send_signal(pidfd, number)
            finally:
                os.close(pidfd)


def read_process(pid: int) -> Child | None:
    """None: there is none."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    cpu_s = (int(fields[11]) + int(fields[12])) / _TICKS_PER_S
    return Child(pid, int(fields[1]), fields[0], int(fields[19]), cpu_s)


def children(parent: int) -> list[Child]:
    """The children of `parent` that have not ended."""
    found = (read_process(int(name)) for name in os.listdir("/proc") if name.isdigit())
    return [child for child in found if child is not None and child.parent == parent and child.state not in "ZX"]


def descendants(parent: int) -> Iterator[Child]:
    for child in children(parent):
        yield child
        yield from descendants(child.pid)


@contextmanager
def orphans() -> Iterator[Callable[[], list[Child]]]:
    """What loses its parent within the block becomes a child of ours (prctl(2)), so that none gets out of sight."""
    before = {child.pid for child in children(os.getpid())}
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        yield lambda: [child for child in children(os.getpid()) if child.pid not in before]
    finally:
        libc.prctl(_PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


@dataclass(frozen=True)
class Answer:
    """An HTTP answer, with the names that WebTest gives its parts."""

    status_int: int
    headers: Message
    body: bytes

    @property
    def status(self) -> str:
        return str(self.status_int)

    @property
    def content_type(self) -> str:
        return self.headers.get_content_type()

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Serving:
    """`picloud serve` on a loopback port of its own, with its data under `folder`. It may be started again and again.

    The environment has no PICLOUD_ setting but those in `environ`, and the place of PostgreSQL's programs.
    """

    def __init__(self, folder: Path, *options: str, **environ: str) -> None:
        self.data_dir = folder / "data"
        self.log_file = folder / "log"
        self.output_file = folder / "output"
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self._options = options
        self._environ = environ
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def log(self) -> str:
        """All that was logged, by all starts."""
        return self.log_file.read_text()

    @property
    def output(self) -> str:
        return self.output_file.read_text()

    @cached_property
    def key(self) -> str:
        """An API key of an owner, both made by the command line."""
        self.cli("admin", "create", OWNER)
        return str(json.loads(self.cli("keys", "create", "--user", OWNER, "--json"))["key"])

    @cached_property
    def owner(self) -> Client:
        return Client(self, self.key)

    @property
    def itself(self) -> Child:
        found = read_process(self.pid)
        assert found is not None
        return found

    @property
    def executor(self) -> Child:
        """Our child that keeps the zygote. The zygote is its only child, the workers are the zygote's."""
        [found] = [child for child in children(self.pid) if "picloud.sandbox_pool.zygote" in child.argv]
        return found

    @property
    def zygote(self) -> Child:
        [found] = children(self.executor.pid)
        return found

    @property
    def workers(self) -> list[Child]:
        return children(self.zygote.pid)

    @property
    def postmasters(self) -> list[Child]:
        return [child for child in children(self.pid) if Path(child.argv[0]).name == "postgres"]

    @property
    def has_run(self) -> bool:
        return self.process is not None

    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """As a terminal or a service manager would, in a process group of its own. Does not wait."""
        with self.log_file.open("ab") as log, self.output_file.open("ab") as output:
            self.process = subprocess.Popen(
                self.command("serve", "--listen", f"127.0.0.1:{self.port}", *self._options),
                env=self.environ(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=log,
                start_new_session=True,
            )

    def start_and_wait(self) -> None:
        """Does nothing when it runs."""
        if not self.is_running():
            self.start()
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_S
        while not self.is_ready():
            assert self.is_running(), f"picloud serve has ended: {self.log[-3000:]}"
            assert time.monotonic() < deadline, f"picloud serve is not ready: {self.log[-3000:]}"
            time.sleep(_POLL_S)

    def is_ready(self) -> bool:
        try:
            return self.request("/readyz").status_int == 200
        except (OSError, http.client.HTTPException):
            return False

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send the signal and wait for the end. The exit code; negative: the signal that killed it."""
        process = self.process
        assert process is not None
        process.send_signal(number)
        return process.wait(EXIT_S)

    def kill(self) -> None:
        """SIGKILL to the main process alone."""
        self.stop(signal.SIGKILL)

    def end(self) -> None:
        """Whatever state it is in; nothing of it is left afterwards."""
        if not self.is_running():
            return
        try:
            self.stop()
        except subprocess.TimeoutExpired:
            for child in descendants(self.pid):
                child.kill()
            self.kill()

    def cli(self, *arguments: str) -> str:
        """What the command says. It must succeed."""
        done = self.run(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def run(self, *arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
        """Run `picloud` with the same data folder and environment, but for what `environ` changes."""
        return subprocess.run(
            self.command(*arguments),
            env=self.environ() | environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=READY_S,
            check=False,
        )

    def request(
        self, path: str, *, method: str = "GET", body: bytes = b"", headers: Mapping[str, str] | None = None, **_: Any
    ) -> Answer:
        """One request on a connection of its own. What WebTest's `request` takes besides is taken and ignored."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=REQUEST_S)
        try:
            connection.request(method, path, body or None, dict(headers or {}))
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def command(self, *arguments: str) -> list[str]:
        return [PROGRAM, *arguments, "--data-dir", str(self.data_dir)]

    def environ(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PICLOUD_")}
        bindir = os.environ.get("PICLOUD_PG_BINDIR")
        unconfined = {"PICLOUD_SANDBOX_I_ACCEPT_UNCONFINED_HANDLERS": "true"} if UNCONFINED else {}
        return kept | ({"PICLOUD_PG_BINDIR": bindir} if bindir else {}) | unconfined | self._environ


def free_port() -> int:
    """Below the range that the kernel takes for outgoing connections, so that it is still free after a restart.

    No other of these tests gets it, in whatever process: a name that ends with this one says that it is taken.
    """
    while True:
        port = random.randrange(20_000, 30_000)
        mark = socket.socket(socket.AF_UNIX)
        with socket.socket() as probe, suppress(OSError):
            mark.bind(f"\0picloud-test-port-{port}")
            probe.bind(("127.0.0.1", port))
            _ports.append(mark)
            return port
        mark.close()
