"""What goes on while units are killed and restarted: `load.py` inside the machine."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.box.admin import DOMAIN, SECRET, Admin
from tests.box.machine import Machine
from tests.functional.client import eventually

PROGRAM = (Path(__file__).parent / "load.py").read_text()
PATIENCE_S = 300


class Traffic:
    """Begins at once. `count` 0: goes on until `ended`."""

    def __init__(self, machine: Machine, kind: str, count: int, url: str) -> None:
        command = machine.command("python3", "-c", PROGRAM, kind, str(count), url, SECRET)
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ended(self) -> dict[str, int]:
        """How often each answer came."""
        said = self._process.communicate(timeout=PATIENCE_S)[0]
        assert self._process.returncode == 0
        answers: dict[str, int] = json.loads(said)
        return answers


@contextmanager
def every_request_answered(admin: Admin, inbound_url: str, *, resets: bool = False) -> Iterator[None]:
    """Calls, POSTs, pages and mails go on all the while: each is answered well at once, and what it does is done once.

    `resets`: connections may break; what was sent by them is not done.
    """
    delivered, posts = admin.delivered(), admin.posts()
    calls = Traffic(admin.machine, "calls", 0, f"https://{DOMAIN}/run/shop/ping")
    adding = Traffic(admin.machine, "posts", 0, f"https://{DOMAIN}/run/shop/add")
    pages = Traffic(admin.machine, "calls", 0, f"https://{DOMAIN}/sign-in")
    mails = Traffic(admin.machine, "mails", 0, inbound_url)
    eventually(lambda: admin.delivered() > delivered)
    yield
    answers = [kind.ended() for kind in (calls, adding, pages, mails)]
    allowed = {"none"} if resets else set()
    assert [found.keys() - allowed for found in answers] == [{"200"}] * 3 + [{"202"}]
    assert admin.posts() == posts + answers[1]["200"]
    eventually(lambda: admin.delivered() == delivered + answers[3]["202"])
