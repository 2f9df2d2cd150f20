"""Accepted is kept, and ends exactly once: signed mails to the parts apart, while each is killed with SIGKILL."""

import random
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from picloud.postgres.cluster import Cluster
from tests.faults.inbox import Inbox
from tests.faults.supervision import supervised
from tests.faults.verify import verify
from tests.functional.client import eventually
from tests.functional.parts import Parts
from tests.functional.serving import Child

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600), pytest.mark.xdist_group("faults")]

SEED = 20_261_122
MAILS = 200
SENDERS = 4
RUN_MS = (5, 80)

# What is killed, after how many mails were accepted.
KILLS: list[tuple[int, str, Callable[[Parts], Child]]] = [
    (30, "the executor", lambda parts: parts.executor.itself),
    (60, "the orchestrator", lambda parts: parts.orchestrator.itself),
    (90, "the manager", lambda parts: parts.manager.itself),
    (120, "a zygote or a worker", lambda parts: max(parts.executor.children, key=lambda child: child.cpu_s)),
    (150, "the executor", lambda parts: parts.executor.itself),
    (175, "the orchestrator", lambda parts: parts.orchestrator.itself),
]


def test_every_accepted_mail_ends_well_exactly_once(
    tmp_path: Path, cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = random.Random(SEED)
    mails = [(f"msg-{number}", rng.randint(*RUN_MS)) for number in range(MAILS)]
    parts = Parts(
        tmp_path,
        cluster,
        PICLOUD_SANDBOX_WORKERS="2",
        PICLOUD_TRIGGER_BACKOFF_BASE_S="0.2",
        PICLOUD_TRIGGER_BACKOFF_CAP_S="1",
    )
    with ExitStack() as stack:
        for part in parts.all:
            stack.enter_context(supervised(part))
        inbox = Inbox(parts)
        with ThreadPoolExecutor(SENDERS) as provider:
            sent = [provider.submit(inbox.deliver, *mail) for mail in mails]
            for after, _, find in KILLS:
                kill(parts, inbox, after, find)
            for one in sent:
                one.result()
        for part in parts.all:
            part.wait_until_ready()
        inbox.wait_until_settled()
        executions = inbox.executions()
        with capsys.disabled():
            print(f"\nanswers {dict(inbox.answers)}, runs {dict(Counter(run['status'] for run in executions))}")
        receipts = [receipt for _, receipt in inbox.receipts]
        assert verify(receipts, executions) == []
        assert {receipt.webhook_id for receipt in receipts} == {webhook_id for webhook_id, _ in mails}
        assert inbox.odd() == sum(run_ms % 2 for _, run_ms in mails)  # effects are applied once
        assert inbox.dead_letters() == []
        # Our own trouble is never the sender's fault.
        assert not [answer for answer in inbox.answers if answer.isdigit() and answer not in ("200", "202", "503")]
        # The kills have hit runs under way: else all this would prove nothing.
        assert {run["status"] for run in executions} >= {"ok", "lost", "crash"}


def kill(parts: Parts, inbox: Inbox, after: int, find: Callable[[Parts], Child]) -> None:
    """Kill it when `after` mails are accepted."""
    eventually(lambda: len(inbox.receipts) >= after, 120)

    def found() -> Child | None:
        with suppress(ValueError, IndexError, AssertionError):  # it is just being started
            return find(parts)
        return None

    child: Child = eventually(found)
    child.kill()
    time.sleep(0.1)
