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
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PROGRAM = str(Path(sys.executable).with_name("picloud"))
EMAIL = "bench@example.com"


class Box:
    """A served instance. `connection` is one kept-alive HTTP connection."""

    def __init__(self, port: int, process: "subprocess.Popen[bytes]", data_dir: Path) -> None:
        self.port, self.process, self.data_dir = port, process, data_dir
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


@contextmanager
def served(**environment: str) -> Iterator[Box]:
    """A fresh instance, its owner's key made, ended after the block."""
    with tempfile.TemporaryDirectory(prefix="picloud-bench-") as folder:
        port = _free_port()
        data_dir = Path(folder) / "data"
        command = [PROGRAM, "serve", "--listen", f"127.0.0.1:{port}", "--data-dir", str(data_dir)]
        with open(Path(folder) / "log", "wb") as log:
            process = subprocess.Popen(command, env=os.environ | environment, stdout=log, stderr=log)
            try:
                box = Box(port, process, data_dir)
                _wait_until_ready(box)
                box.cli("admin", "create", EMAIL)
                box.key = box.cli("keys", "create", "--user", EMAIL)
                yield box
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(30)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


def _wait_until_ready(box: Box) -> None:
    for _ in range(300):
        try:
            box.call("GET", "/readyz")
        except (OSError, RuntimeError, http.client.HTTPException):
            box.connection.close()
            time.sleep(0.1)
        else:
            return
    raise RuntimeError("picloud serve did not become ready")
