"""A PiCloud to measure: `picloud serve` as a child, and one connection to it."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PROGRAM = str(Path(sys.executable).with_name("picloud"))
EMAIL = "bench@example.com"
LOG_SHOWN = 20_000
"""Of the server's log, characters at its end, when a measurement fails."""


class Box:
    """A served instance. `connection` is one kept-alive HTTP connection."""

    def __init__(self, port: int, data_dir: Path, start: Callable[[], "subprocess.Popen[bytes]"]) -> None:
        self.port, self.data_dir = port, data_dir
        self._start = start
        self.process = start()
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.key = ""

    def call(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Any:
        """The decoded answer. Raises RuntimeError for a status of 400 and more."""
        sent = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"} | (headers or {})
        self.connection.request(method, path, None if body is None else json.dumps(body), sent)
        response = self.connection.getresponse()
        raw = response.read()
        if response.status >= 400:
            raise RuntimeError(f"{method} {path}: {response.status} {raw[:500]!r}")
        return json.loads(raw) if raw else None

    def admin(self, method: str, path: str, body: Any = None) -> Any:
        return self.call(method, "/api/v1/admin" + path, body)

    def cli(self, *arguments: str) -> str:
        command = [PROGRAM, *arguments, "--data-dir", str(self.data_dir)]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def kill_and_restart(self) -> None:
        """Does not wait until it is ready again."""
        self.process.kill()
        self.process.wait()
        self.process = self._start()

    def wait_until_ready(self) -> None:
        for _ in range(300):
            try:
                self.call("GET", "/readyz")
            except (OSError, RuntimeError, http.client.HTTPException):
                self.connection.close()
                time.sleep(0.1)
            else:
                return
        raise RuntimeError("picloud serve did not become ready")


@contextmanager
def served(**environment: str) -> Iterator[Box]:
    """A fresh instance, its owner's key made, ended after the block."""
    with tempfile.TemporaryDirectory(prefix="picloud-bench-") as folder:
        port = _free_port()
        data_dir = Path(folder) / "data"
        command = [PROGRAM, "serve", "--listen", f"127.0.0.1:{port}", "--data-dir", str(data_dir)]
        with open(Path(folder) / "log", "wb") as log:

            def start() -> "subprocess.Popen[bytes]":
                return subprocess.Popen(command, env=os.environ | environment, stdout=log, stderr=log)

            box = Box(port, data_dir, start)
            try:
                box.wait_until_ready()
                box.cli("admin", "create", EMAIL)
                box.key = box.cli("keys", "create", "--user", EMAIL)
                box.connection.close()  # the server may have: on a busy machine the commands take long
                yield box
            except BaseException:
                print((Path(folder) / "log").read_text(errors="replace")[-LOG_SHOWN:], file=sys.stderr)
                raise
            finally:
                box.process.send_signal(signal.SIGTERM)
                box.process.wait(30)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port
