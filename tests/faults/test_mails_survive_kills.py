"""Accepted is kept, and ends exactly once: 200 mails, while each process of PiCloud is killed with SIGKILL once."""

import random
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from tests.faults.inbox import Inbox, started_at
from tests.faults.supervision import supervised
from tests.faults.verify import verify
from tests.functional.client import eventually
from tests.functional.serving import Child, Serving

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600), pytest.mark.xdist_group("faults")]

SEED = 20_261_122
MAILS = 200
SENDERS = 4
RUN_MS = (5, 80)
AGAIN_EVERY = 10
"""Of so many mails one is sent once more after it was accepted."""


def loaded_worker(serving: Serving) -> Child:
    """The one that has run most: with mail waiting, it is in a run."""
    return max(serving.workers, key=lambda worker: worker.cpu_s)


# What is killed, after how many mails were accepted.
KILLS: list[tuple[int, str, Callable[[Serving], Child]]] = [
    (40, "a sandbox worker", loaded_worker),
    (80, "picloud serve", lambda serving: serving.itself),
    (120, "PostgreSQL's postmaster", lambda serving: serving.postmasters[0]),
    (160, "the zygote", lambda serving: serving.zygote),
]


def test_every_accepted_mail_ends_well_exactly_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = random.Random(SEED)
    mails = [(f"msg-{number}", rng.randint(*RUN_MS)) for number in range(MAILS)]
    serving = Serving(
        tmp_path,
        PICLOUD_SANDBOX_WORKERS="2",
        PICLOUD_TRIGGER_BACKOFF_BASE_S="0.2",
        PICLOUD_TRIGGER_BACKOFF_CAP_S="1",
    )
    with supervised(serving):
        inbox = Inbox(serving)
        with ThreadPoolExecutor(SENDERS) as provider:
            sent = [provider.submit(inbox.deliver, *mail) for mail in mails]
            killed = [(name, kill(serving, inbox, after, find)) for after, name, find in KILLS]
            for one in sent:
                one.result()
        for mail in mails[::AGAIN_EVERY]:
            inbox.deliver(*mail)
        inbox.wait_until_settled()
        executions = inbox.executions()
        with capsys.disabled():
            report(inbox, killed, executions)
        receipts = [receipt for _, receipt in inbox.receipts]
        assert verify(receipts, executions) == []
        assert {receipt.webhook_id for receipt in receipts} == {webhook_id for webhook_id, _ in mails}
        assert sum(receipt.duplicate for receipt in receipts) >= MAILS // AGAIN_EVERY
        assert inbox.odd() == sum(run_ms % 2 for _, run_ms in mails)  # effects are applied once
        assert inbox.dead_letters() == []
        # Our own trouble is never the sender's fault.
        assert not [answer for answer in inbox.answers if answer.isdigit() and answer not in ("200", "202", "503")]
        # The kills have hit runs under way: else all this would prove nothing.
        assert {run["status"] for run in executions} >= {"ok", "lost", "crash"}


def kill(serving: Serving, inbox: Inbox, after: int, find: Callable[[Serving], Child]) -> float:
    """Kill it when `after` mails are accepted. The Unix time in seconds."""
    eventually(lambda: len(inbox.receipts) >= after, 120)

    def found() -> Child | None:
        with suppress(ValueError, IndexError):  # it is just being started
            return find(serving)
        return None

    child: Child = eventually(found)
    child.kill()
    return time.time()


def report(inbox: Inbox, killed: list[tuple[str, float]], executions: list[dict[str, object]]) -> None:
    runs = sorted(started_at(run) for run in executions if run["status"] == "ok")
    print(f"\nanswers {dict(inbox.answers)}, runs {dict(Counter(run['status'] for run in executions))}")
    for name, at in killed:
        accepted = min((moment for moment, _ in inbox.receipts if moment > at), default=at)
        started = min((moment for moment in runs if moment > at), default=at)
        print(f"{name} killed: a mail accepted after {accepted - at:.2f} s, a run started after {started - at:.2f} s")
