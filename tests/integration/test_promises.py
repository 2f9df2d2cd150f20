"""With the commit of deliveries the other nodes are told, if there are any and one promise doesn't hold already."""

import select
from collections.abc import Iterator

import pytest
from psycopg2.extensions import connection as Connection
from sqlalchemy import text

from picloud.services.promises import CHANNEL, PROMISE_S, Promises
from picloud.services.sessions import wake_dispatcher
from tests.integration.conftest import World

OK = "def handler(ctx):\n    return 1"


@pytest.fixture
def heard(world: World) -> Iterator[Connection]:
    pooled = world.engine.raw_connection()
    connection: Connection = pooled.driver_connection
    pooled.detach()
    connection.rollback()
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(f"LISTEN {CHANNEL}")
    yield connection
    connection.close()


def promises(connection: Connection) -> int:
    """Since the last call."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")  # what was committed before is told with the answer
    while select.select([connection], [], [], 0)[0]:
        connection.poll()
    found = len(connection.notifies)
    connection.notifies.clear()
    return found


def test_who_is_alone_promises_nothing(world: World, heard: Connection) -> None:
    script = world.script(OK)
    with world.node() as node:
        world.until(lambda: node.dispatcher.connected)
        world.enqueue(script, node=node)
        world.until(lambda: not world.waiting())
        assert promises(heard) == 0


def test_the_others_are_told_with_the_commit_and_not_by_one_that_fails(world: World, heard: Connection) -> None:
    script = world.script(OK)
    with world.node() as node, world.node() as other:
        world.until(lambda: node.dispatcher.connected and other.dispatcher.connected)
        with node.sessions() as session:
            wake_dispatcher(session)
            session.execute(text("SELECT 1"))
            session.rollback()
        assert promises(heard) == 0
        world.enqueue(script, node=node)
        assert promises(heard) == 1


def test_one_holds_for_all_commits_of_some_seconds() -> None:
    now = 100.0
    made = Promises(lambda: now)
    until = made.due()
    assert until == now + PROMISE_S
    assert made.due() is not None, "the commit may fail yet"
    made.made(until)
    assert made.due() is None
    now = until
    assert made.due() == until + PROMISE_S
