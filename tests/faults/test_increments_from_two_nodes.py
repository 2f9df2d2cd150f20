"""1,000 increments of one entry, by calls and by deliveries at once, from two nodes: exactly 1,000."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import text
from webtest import TestApp

from picloud.app import make_app
from picloud.domain.kinds import InstanceRole
from picloud.models.engine import make_engine
from picloud.postgres import Cluster
from picloud.process import Process
from picloud.settings import Settings
from tests.functional.client import Client, eventually
from tests.functional.conftest import make_key

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

CALLS, DELIVERIES = 500, 500
CALLERS = 8
INCR = "def handler(ctx):\n    return ctx.kv('c').incr('n')\n"


@pytest.fixture
def nodes(cluster: Cluster, tmp_path: Path) -> Iterator[list[Process]]:
    engine = make_engine(cluster.url, pool_size=1)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("CREATE DATABASE two_nodes"))
    engine.dispose()
    url = engine.url.set(database="two_nodes").render_as_string(hide_password=False)
    settings = Settings(data_dir=tmp_path, sandbox_workers=2, sandbox_wait_s=60)
    with ExitStack() as started:
        found = []
        for _ in range(2):
            found.append(Process.start(settings, database_url=url))
            started.callback(found[-1].stop, 5.0)
        yield found


def test_a_thousand_increments_are_a_thousand(nodes: list[Process]) -> None:
    apps = [TestApp(make_app(node.runtime)) for node in nodes]
    owner = Client(apps[0], make_key(nodes[0], InstanceRole.OWNER))
    slug = owner.new_app()
    owner.script(slug, "count", INCR)
    owner.route(slug, "POST", "/count", "count")
    path = f"/run/{slug}/count"

    def call(n: int) -> int:
        return int(apps[n % 2].post_json(path, {}).json)

    def queue(n: int) -> None:
        apps[n % 2].post_json(path, {}, headers={"Prefer": "respond-async"}, status=202)

    with ThreadPoolExecutor(CALLERS) as callers:
        queued = [callers.submit(queue, n) for n in range(DELIVERIES)]
        counts = list(callers.map(call, range(CALLS)))
        for one in queued:
            one.result()
    value = f"/apps/{slug}/kv/c/n"
    eventually(lambda: owner.get(value)["value"] >= CALLS + DELIVERIES, 120)
    assert owner.get(value)["value"] == CALLS + DELIVERIES
    assert len(set(counts)) == CALLS
    with nodes[0].engine.connect() as connection:
        left = connection.execute(text("SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM dead_letters)"))
        assert left.scalar_one() == 0
