"""Where PiCloud listens: a socket of systemd's, which outlives us, or one of the file system."""

import http.client
import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from picloud.cli.listening import inherited, listen
from tests.functional.client import eventually
from tests.functional.serving import PROGRAM, READY_S, Serving
from tests.pace import PATIENCE

pytestmark = pytest.mark.xdist_group("listening")

HAND_OVER = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
os.execv(sys.argv[2], sys.argv[2:])
"""


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=30 * PATIENCE)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self._path)


def status_of(connection: http.client.HTTPConnection) -> int:
    connection.request("GET", "/readyz")
    return connection.getresponse().status


def test_systemd_s_socket_is_taken_and_requests_wait_in_it_over_a_restart(tmp_path: Path) -> None:
    server = Serving(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as held:
        command = [sys.executable, "-c", HAND_OVER, str(held.fileno()), *server.command("serve")]
        environ = server.environ()
        assert command[4] == PROGRAM
        for _ in range(2):
            waiting = http.client.HTTPConnection(*held.getsockname(), timeout=READY_S)
            waiting.request("GET", "/healthz")  # nobody serves yet
            process = subprocess.Popen(command, env=environ, pass_fds=[held.fileno()], stdout=subprocess.DEVNULL)
            try:
                assert waiting.getresponse().status == 200
            finally:
                process.terminate()
                assert process.wait(40 * PATIENCE) == 0


def test_a_unix_socket_for_the_proxy_s_group(tmp_path: Path) -> None:
    path = tmp_path / "web.sock"
    server = Serving(tmp_path)
    process = subprocess.Popen(
        [*server.command("serve"), "--listen", f"unix:{path}"], env=server.environ(), stdout=subprocess.DEVNULL
    )
    try:
        eventually(path.exists, READY_S)
        eventually(lambda: _answers(path) == 200, READY_S)
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        with pytest.raises(OSError, match="another process listens"):
            listen(f"unix:{path}")
    finally:
        process.terminate()
        assert process.wait(40 * PATIENCE) == 0


def _answers(path: Path) -> int | None:
    try:
        return status_of(UnixConnection(str(path)))
    except OSError:
        return None


def test_a_socket_that_was_left_behind_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "web.sock"
    listen(f"unix:{path}").close()
    assert path.is_socket()
    listen(f"unix:{path}").close()
    path.unlink()
    path.write_text("mine")
    with pytest.raises(OSError, match="something else"):
        listen(f"unix:{path}")


def test_another_process_s_sockets_are_not_ours() -> None:
    environ = {"LISTEN_PID": str(os.getpid() + 1), "LISTEN_FDS": "1"}
    assert inherited(environ) is None
    assert environ == {}
    with pytest.raises(OSError, match="hands over 2"):
        inherited({"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "2"})
