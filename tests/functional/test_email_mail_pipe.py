"""`picloud-mail-pipe` as a mail server runs it: what it sends, and its exit codes."""

import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from picloud.cli.mail_pipe import EX_DATAERR, EX_OK, EX_TEMPFAIL
from picloud.inbound.signatures import verify
from tests.functional.serving import free_port
from tests.pace import PATIENCE

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MAIL = b"From MAILER-DAEMON Sun Nov 22 10:00:00 2026\nFrom: ada@example.com\nSubject: Hi\n\nHello\n"
RUN = "from picloud.cli.mail_pipe import main; main()"


class Receiver(ThreadingHTTPServer):
    """Answers with `status`, and keeps what came."""

    status = 202

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.came: list[tuple[dict[str, str], bytes]] = []
        self.url = f"http://127.0.0.1:{self.server_port}/api/v1/email-inbound/a/b"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.came.append(({name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def pipe(*argv: str, mail: bytes = MAIL, **environ: str) -> "subprocess.CompletedProcess[bytes]":
    command = [sys.executable, "-c", RUN, *argv]
    return subprocess.run(command, input=mail, env=environ, capture_output=True, timeout=60 * PATIENCE, check=False)


def config(folder: Path, url: str, mode: int = 0o600) -> str:
    path = folder / "mail-pipe.conf"
    path.write_text(f"# where to\nurl = {url}\nsecret = {SECRET}\n")
    path.chmod(mode)
    return str(path)


def test_the_mail_is_sent_with_its_envelope_and_signed(receiver: Receiver, tmp_path: Path) -> None:
    where = config(tmp_path, receiver.url)
    done = pipe("--config", where, "-f", "bounce@example.com", "--", "in@box.example.org")
    assert (done.returncode, done.stdout, done.stderr) == (EX_OK, b"", b"")
    pipe("--config", where, SENDER="bounce@example.com", RECIPIENT="in@box.example.org")
    [(headers, body), (again, _)] = receiver.came
    assert (
        body
        == b"X-Envelope-From: <bounce@example.com>\nX-Envelope-To: <in@box.example.org>\n" + MAIL.partition(b"\n")[2]
    )
    assert headers["content-type"] == "message/rfc822"
    assert headers["webhook-id"] == again["webhook-id"]
    verify(headers, body, [SECRET], float(headers["webhook-timestamp"]))


@pytest.mark.parametrize(
    ("status", "code"),
    [
        *((status, EX_OK) for status in (200, 202)),
        *((status, EX_DATAERR) for status in (406, 413, 422)),
        *((status, EX_TEMPFAIL) for status in (301, 400, 401, 403, 404, 415, 429, 500, 503)),
    ],
)
def test_only_what_will_never_be_taken_bounces(receiver: Receiver, status: int, code: int) -> None:
    receiver.status = status
    done = pipe(PICLOUD_MAIL_URL=receiver.url, PICLOUD_MAIL_SECRET=SECRET)
    assert done.returncode == code
    assert (f"answers {status}" in done.stderr.decode()) == (code != EX_OK)


def test_whatever_is_wrong_on_this_side_the_mail_waits(receiver: Receiver, tmp_path: Path) -> None:
    nobody = f"http://127.0.0.1:{free_port()}/x"
    for argv, environ, said in (
        (("--config", "/nowhere"), {}, "/nowhere: No such file"),
        (("--config", config(tmp_path, receiver.url, 0o640)), {}, "chmod 600"),
        (("--nonsense",), {}, "unrecognized arguments"),
        ((), {"PICLOUD_MAIL_URL": "ftp://x", "PICLOUD_MAIL_SECRET": SECRET}, "inbound URL"),
        ((), {"PICLOUD_MAIL_URL": nobody, "PICLOUD_MAIL_SECRET": SECRET}, "can't be reached"),
        ((), {"PICLOUD_MAIL_URL": receiver.url, "PICLOUD_MAIL_SECRET": "whsec_?"}, "no key"),
    ):
        done = pipe(*argv, **environ)
        assert done.returncode == EX_TEMPFAIL, done.stderr
        assert said in done.stderr.decode()
        assert SECRET not in done.stderr.decode()
    assert receiver.came == []


def test_no_envelope_makes_a_header_of_its_own(receiver: Receiver) -> None:
    forged = "a@b>\nX-Envelope-To: <forged@example.com"
    pipe("-f", forged, PICLOUD_MAIL_URL=receiver.url, PICLOUD_MAIL_SECRET=SECRET)
    assert receiver.came[0][1].startswith(b"X-Envelope-From: <a@b>X-Envelope-To:<forged@example.com>\nFrom: ada@")
