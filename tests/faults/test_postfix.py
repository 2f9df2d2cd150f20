"""A real Postfix hands over many mails while PiCloud and its PostgreSQL end and start again, twice.

`FAULTS_MAILS`: how many, 500 when nothing is said.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

import picloud
from tests.faults.postfix import GROUP, POSTFIX, USER, Postfix
from tests.functional.client import Client, eventually
from tests.functional.serving import Serving

pytestmark = [
    pytest.mark.faults,
    pytest.mark.timeout(900),
    pytest.mark.xdist_group("faults"),
    pytest.mark.skipif(not POSTFIX or os.geteuid() != 0, reason="needs Postfix, and root to run one of its own"),
]

MAILS = int(os.environ.get("FAULTS_MAILS", "500"))
SLUG = "mail"
HANDLER = """
def handler(ctx):
    mail = ctx.event.email
    ctx.kv("seen").incr(mail.message_id)
    return [mail.envelope["from"], mail.envelope.to]
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """Not pytest's, which is root's alone: Postfix's users have to get there."""
    with tempfile.TemporaryDirectory(prefix="picloud-postfix-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_mails_through_two_restarts(folder: Path) -> None:
    serving = Serving(folder, PICLOUD_SANDBOX_WORKERS="2", PICLOUD_TRIGGER_BACKOFF_BASE_S="0.2")
    serving.start_and_wait()
    postfix = Postfix(folder / "postfix", pipe_command(folder, serving))
    try:
        postfix.start()
        postfix.send("ada@example.com", "in@box.example.org", [mail(number) for number in range(MAILS)])
        for sooner, ends in ((MAILS // 5, signal.SIGTERM), (MAILS // 2, signal.SIGKILL)):
            eventually(lambda: len(executions(serving.owner)) >= sooner, 300)  # noqa: B023
            postmasters = serving.postmasters
            serving.stop(ends)
            for postmaster in postmasters:
                postmaster.kill()
            serving.start_and_wait()
        postfix.wait_until_empty(400)
        eventually(lambda: len(executions(serving.owner)) >= MAILS, 300)
        check(serving, postfix)
    finally:
        postfix.stop()
        serving.end()


def check(serving: Serving, postfix: Postfix) -> None:
    runs = executions(serving.owner)
    assert Counter(run["status"] for run in runs if run["status"] != "lost") == {"ok": MAILS}
    assert len({run["delivery_id"] for run in runs}) == MAILS
    seen = entries(serving.owner)
    assert {entry["key"]: entry["value"] for entry in seen} == {f"<{number}@example.com>": 1 for number in range(MAILS)}
    [run] = [serving.owner.get(f"/apps/{SLUG}/executions/{runs[0]['id']}")]
    assert run["result"] == ["ada@example.com", ["in@box.example.org"]]
    assert "status=bounced" not in postfix.log
    assert "status=deferred" in postfix.log, "no restart was in the way of any mail"


def pipe_command(folder: Path, serving: Serving) -> list[str]:
    """The pipe, for a trigger that was made for it."""
    owner = serving.owner
    owner.post("/apps", {"slug": SLUG, "name": "Mail"})
    owner.script(SLUG, "inbox", HANDLER)
    made = owner.email_trigger(SLUG, "inbox", provider="mime", inbound_secret="generate")
    config = folder / "mail-pipe.conf"
    path = made["inbound_url"].removeprefix(serving.address)
    config.write_text(f"url = {serving.address}{path}\n")
    with config.open("a") as file:
        file.write(f"secret = {made['inbound_secret']}\n")
    config.chmod(0o600)
    shutil.chown(config, USER)
    return [str(launcher(folder)), "--config", str(config), "-f", "${sender}", "--", "${recipient}"]


def launcher(folder: Path) -> Path:
    """`picloud-mail-pipe`, by a Python that Postfix's user may run: ours may lie in root's home."""
    script = folder / "picloud-mail-pipe"
    places = [str(Path(picloud.__file__).parents[1]), str(Path(click.__file__).parents[1])]
    for python in (sys.executable, "/usr/bin/python3"):
        script.write_text(
            f"#!{python}\nimport sys\nsys.path[:0] = {places!r}\nfrom picloud.cli.mail_pipe import main\nmain()\n"
        )
        script.chmod(0o755)
        if may_run(script):
            return script
    pytest.skip(f"{USER} may run no Python that has what PiCloud needs")


def may_run(script: Path) -> bool:
    try:
        done = subprocess.run(
            [script, "--help"], user=USER, group=GROUP, extra_groups=[], capture_output=True, check=False
        )
    except PermissionError:
        return False
    return done.returncode == 0


def mail(number: int) -> bytes:
    lines = (
        "From: Ada <ada@example.com>",
        "To: in@box.example.org",
        f"Subject: Number {number}",
        f"Message-ID: <{number}@example.com>",
        "",
        f"This is mail {number}.",
    )
    return "\r\n".join(lines).encode()


def executions(owner: Client) -> list[Any]:
    return pages(owner, f"/apps/{SLUG}/executions")


def entries(owner: Client) -> list[Any]:
    return pages(owner, f"/apps/{SLUG}/kv/seen")


def pages(owner: Client, path: str) -> list[Any]:
    """All pages. While PiCloud is away: nothing."""
    found: list[Any] = []
    after = ""
    while True:
        page = owner.get(f"{path}?limit=200{after}")
        found += page["items"]
        if page["next"] is None:
            return found
        after = f"&after={page['next']}"
