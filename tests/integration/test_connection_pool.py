"""Connections of the pool that nobody needs any more."""

import logging
import time
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Engine, create_engine, text

from picloud.models.connection_pool import KEPT, EmptyingPool, ShrinkingPool
from picloud.models.engine import make_engine
from picloud.postgres.cluster import Cluster

NAME = "shrinking"
OPEN = text("SELECT pid FROM pg_stat_activity WHERE application_name = :name ORDER BY backend_start")


class QuickPool(ShrinkingPool):
    idle_s = 0.5


@pytest.fixture
def quick(cluster: Cluster) -> Iterator[Engine]:
    engine = create_engine(
        cluster.url, poolclass=QuickPool, pool_size=3, max_overflow=1, connect_args={"application_name": NAME}
    )
    yield engine
    engine.dispose()


def _open(engine: Engine) -> list[int]:
    with engine.connect() as connection:
        return list(connection.execute(OPEN, {"name": NAME}).scalars())


def _becomes(is_so: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 30
    while not is_so() and time.monotonic() < deadline:
        time.sleep(0.05)
    return is_so()


def _use(quick: Engine, count: int) -> list[int]:
    """Opens `count` connections at a time; the servers' processes, the one that is given back last at the end."""
    connections = [quick.connect() for _ in range(count)]
    pids = [connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one() for connection in connections]
    for connection in connections:
        connection.close()
    return pids


def test_after_a_pause_one_connection_is_left_and_it_is_the_one_used_last(quick: Engine, engine: Engine) -> None:
    pids = _use(quick, 3)
    assert len(set(pids)) == 3
    assert _becomes(lambda: len(_open(engine)) == KEPT)
    assert _open(engine) == [pids[-1]]


def test_what_is_used_one_after_the_other_takes_the_same_connection(quick: Engine) -> None:
    pids = _use(quick, 2)
    assert {_use(quick, 1)[0] for _ in range(3)} == {pids[-1]}


def test_as_many_as_before_can_be_had_after_others_were_closed(quick: Engine, engine: Engine) -> None:
    _use(quick, 4)
    assert _becomes(lambda: len(_open(engine)) == KEPT)
    assert len(set(_use(quick, 4))) == 4
    assert _becomes(lambda: len(_open(engine)) == KEPT)


def test_who_holds_a_connection_keeps_it(quick: Engine, engine: Engine) -> None:
    with quick.connect() as held:
        mine = held.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
        _use(quick, 2)
        assert _becomes(lambda: len(_open(engine)) == KEPT + 1)
        assert mine in _open(engine)
        assert held.exec_driver_sql("SELECT pg_backend_pid()").scalar_one() == mine


def test_a_connection_that_went_its_own_way_leaves_no_place_taken(quick: Engine, engine: Engine) -> None:
    detached = quick.raw_connection()
    own = detached.driver_connection
    detached.detach()
    assert own is not None
    _use(quick, 3)
    assert _becomes(lambda: len(_open(engine)) == KEPT + 1)
    assert len(set(_use(quick, 4))) == 4
    own.close()


def test_every_engine_has_such_a_pool(cluster: Cluster, caplog: pytest.LogCaptureFixture) -> None:
    engine = make_engine(cluster.url, pool_size=1)
    assert isinstance(engine.pool, ShrinkingPool)
    with caplog.at_level(logging.INFO, "picloud"):
        engine.dispose()
    assert isinstance(engine.pool, ShrinkingPool)
    assert not [record for record in caplog.records if "connection_pool" in record.name]


def test_what_is_seldom_used_keeps_none(cluster: Cluster, engine: Engine) -> None:
    class QuickEmptyingPool(EmptyingPool):
        idle_s = 0.5

    emptying = create_engine(
        cluster.url, poolclass=QuickEmptyingPool, pool_size=1, connect_args={"application_name": NAME}
    )
    for _ in range(2):
        with emptying.connect() as connection:
            assert connection.exec_driver_sql("SELECT 1").scalar_one() == 1
        assert _becomes(lambda: not _open(engine))
    emptying.dispose()
