"""`kill -9` amid deliveries that take their time: all of them end, each of them once."""

import time
from collections import Counter
from pathlib import Path

import pytest

from tests.faults.inbox import Inbox, started_at
from tests.faults.verify import verify
from tests.functional.client import eventually
from tests.functional.serving import Serving

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600), pytest.mark.xdist_group("faults")]

MAILS = 20
RUN_MS = 300
BEFORE_THE_KILL = 4


def test_all_end_well_exactly_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    serving = Serving(tmp_path, PICLOUD_SANDBOX_WORKERS="4")
    try:
        serving.start_and_wait()
        inbox = Inbox(serving)
        for number in range(MAILS):
            inbox.deliver(f"msg-{number}", RUN_MS)
        eventually(lambda: len(inbox.executions()) >= BEFORE_THE_KILL)
        killed_at = time.time()
        serving.kill()
        serving.start_and_wait()
        ready_at = time.time()
        inbox.wait_until_settled()
        executions = inbox.executions()
        again_at = min(started_at(run) for run in executions if run["status"] == "ok" and started_at(run) > killed_at)
        with capsys.disabled():
            print(
                f"\nruns {dict(Counter(run['status'] for run in executions))}; after the kill it was ready after",
                end=" ",
            )
            print(f"{ready_at - killed_at:.2f} s and the first delivery ran again after {again_at - killed_at:.2f} s")
        assert verify([receipt for _, receipt in inbox.receipts], executions) == []
        assert inbox.dead_letters() == []
        assert [run for run in executions if run["status"] == "lost"], "the kill hit no run"
    finally:
        serving.end()
