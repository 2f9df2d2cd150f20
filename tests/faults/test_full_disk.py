"""A disk that something else fills up, while mails and calls come in and schedules fire; and then has room again."""

import http.client
import itertools
import os
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from sqlalchemy import NullPool, TextClause, create_engine, text
from sqlalchemy.exc import OperationalError

from picloud.postgres.binaries import find_bindir
from picloud.postgres.cluster import Cluster
from tests.faults.inbox import Inbox
from tests.faults.supervision import supervised
from tests.faults.verify import verify
from tests.functional.client import eventually
from tests.functional.serving import READY_S, Serving

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600), pytest.mark.xdist_group("faults")]

DISK_MIB = 256
RESERVE_BYTES = 16 * 1024 * 1024
CALLED = "def handler(ctx):\n    ctx.kv('calls').incr(ctx.event.http.query['n'])\n"
TICKS = "def handler(ctx):\n    ctx.kv('ticks').incr(ctx.event.cron.scheduled_for)\n"
SOME = 20
PAUSE_S = 0.02
CANT_START = "picloud: The disk of {} is full (0 MiB free), so PostgreSQL can't start. Free some space there"
OUR_TROUBLE = {"503", "ConnectionRefusedError", "ConnectionResetError", "RemoteDisconnected"}
SOON = text("UPDATE cron_trigger_details SET next_at = now() + interval '4 s'")
# PostgreSQL ends when it can't write its log, and then it can't begin either.
USE_UP_LOG = text("SELECT pg_logical_emit_message(false, 'x', 'y'), pg_switch_wal()")


class Disk:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self) -> None:
        """To the last page."""
        with suppress(OSError), self._ballast.open("ab", buffering=0) as ballast:
            while True:
                ballast.write(bytes(65_536))

    def make_room(self) -> None:
        self._ballast.unlink()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m,mode=755", "none", folder]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    yield Disk(folder)
    subprocess.run(["umount", folder], check=True)


class Clients:
    """A provider of mails and a caller. `answered`: the calls that were; `refused`: how, and how often."""

    def __init__(self, serving: Serving) -> None:
        self._serving = serving
        self.inbox = Inbox(serving)
        self.app = serving.owner.new_app()
        serving.owner.script(self.app, "call", CALLED)
        serving.owner.route(self.app, "POST", "/call", "call")
        serving.owner.script(self.app, "tick", TICKS)
        serving.owner.post(f"/apps/{self.app}/triggers/cron", {"script": "tick", "schedule": "@yearly"})
        self.answered: set[str] = set()
        self.refused: Counter[str] = Counter()
        self._over = threading.Event()

    @contextmanager
    def at_work(self) -> Iterator[None]:
        with ThreadPoolExecutor(2) as pool:
            sent = [pool.submit(self._send_mails), pool.submit(self._call)]
            try:
                yield
            finally:
                self._over.set()
            for one in sent:
                one.result()

    def counted(self, collection: str) -> dict[str, int]:
        found: dict[str, int] = {}
        path, after = f"/apps/{self.app}/kv/{collection}?limit=200", ""
        while after is not None:
            page = self._serving.owner.get(path + after)
            found |= {item["key"]: item["value"] for item in page["items"]}
            after = f"&after={page['next']}" if page["next"] else None
        return found

    def _send_mails(self) -> None:
        for number in itertools.count():
            if self._over.wait(PAUSE_S):
                return
            self.inbox.deliver(f"msg-{number}", 2 * number % 10)

    def _call(self) -> None:
        for number in itertools.count():
            if self._over.wait(PAUSE_S):
                return
            with suppress(OSError, http.client.HTTPException):
                answer = self._serving.request(f"/run/{self.app}/call?n={number}", method="POST", body=b"{}")
                if answer.status_int == 204:
                    self.answered.add(str(number))
                else:
                    self.refused[f"{answer.status} {answer.json['code']}"] += 1


def test_nothing_accepted_is_lost_and_nobody_has_to_restart_anything(disk: Disk, tmp_path: Path) -> None:
    serving = Serving(disk.folder, PICLOUD_DISK_RESERVE_BYTES=str(RESERVE_BYTES))
    serving.log_file, serving.output_file = tmp_path / "log", tmp_path / "output"
    with supervised(serving):
        clients = Clients(serving)
        inbox = clients.inbox
        with clients.at_work():
            eventually(lambda: len(inbox.receipts) > SOME and len(clients.answered) > SOME)
            use_database(serving, SOON)
            disk.fill()
            eventually(lambda: clients.refused["503 storage_full"] and inbox.answers["503"])
            assert [reason for reason in reasons(serving) if reason.startswith("disk: ")]
            eventually(lambda: broken(serving, disk))
            assert [reason for reason in reasons(serving) if reason.startswith("database: ")]
            assert serving.is_running()
            assert [line for line in serving.run("doctor").stdout.splitlines() if line.startswith("✗ disk ")]
            serving.stop()
            eventually(lambda: CANT_START.format(serving.data_dir) in serving.log, READY_S)
            disk.make_room()
            accepted = len(inbox.receipts)
            eventually(lambda: len(inbox.receipts) > accepted + SOME, READY_S)
        inbox.wait_until_settled()
        assert verify([receipt for _, receipt in inbox.receipts], inbox.executions()) == []
        assert set(inbox.answers) <= OUR_TROUBLE | {"200", "202"}
        calls = clients.counted("calls")
        assert clients.answered <= calls.keys()
        assert set(calls.values()) == {1}
        assert all(answer.startswith("503 ") for answer in clients.refused)
        assert list(eventually(lambda: clients.counted("ticks")).values()) == [1]


def reasons(serving: Serving) -> list[str]:
    found: list[str] = serving.request("/readyz").json["reasons"]
    return found


def broken(serving: Serving, disk: Disk) -> bool:
    """Whether PostgreSQL has ended, after some more was asked of it."""
    disk.fill()
    try:
        use_database(serving, USE_UP_LOG)
    except OperationalError:
        return not serving.postmasters
    return False


def use_database(serving: Serving, statement: TextClause) -> None:
    url = Cluster(serving.data_dir, bindir=find_bindir(os.environ)).url
    engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(statement)
