"""A claimer on a connection of its own, and a database to claim from."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from psycopg2.extensions import cursor as Cursor

from picloud.dispatcher.claim import Claimed
from picloud.dispatcher.claimer import Claimer
from picloud.dispatcher.link import Link
from picloud.domain.ids import uuid7
from picloud.models import App
from tests.integration.conftest import World

SOURCE = "def handler(ctx):\n    return 1"


class Hands:
    """What one node claims. `later_s` is what its clock is ahead."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.later_s = 0.0
        self.claimer = Claimer(30, lambda: self.later_s)
        with link.cursor() as cursor:
            self.claimer.caps.load(cursor)

    @contextmanager
    def claiming(self, room: int) -> Iterator[list[Claimed]]:
        """Claim; the commit comes after the block."""
        with self.link.transaction() as cursor:
            yield self.claimer.claim(cursor, self.link.epoch, room)

    def claim(self, room: int) -> list[Claimed]:
        with self.claiming(room) as rows:
            return rows

    def next_due_s(self) -> float | None:
        with self.cursor() as cursor:
            return self.claimer.next_due_s(cursor, self.link.epoch)

    @contextmanager
    def cursor(self) -> Iterator[Cursor]:
        with self.link.cursor() as cursor:
            yield cursor


@contextmanager
def hands(world: World) -> Iterator[Hands]:
    link = Link(world.engine)
    link.open()
    yield Hands(link)
    link.close()


def new_app(world: World) -> tuple[UUID, UUID]:
    """An app and its one script."""
    app_id = uuid7()
    with world.sessions.begin() as session:
        session.add(App(id=app_id, slug=f"app-{app_id}", name="App"))
    return app_id, world.script(SOURCE, app_id=app_id)


def backlog(world: World, app_id: UUID, script_id: UUID, count: int, **columns: object) -> None:
    """Deliveries that are due, each a millisecond after the one before; without events."""
    more = "".join(f", {name}" for name in columns)
    values = "".join(f", :{name}" for name in columns)
    world.change(
        f"""
        INSERT INTO outbox (id, app_id, script_id, event_id, source_kind, max_attempts, policy_attempts, backoff_base_s,
                            backoff_cap_s, timeout_s, due{more})
        SELECT gen_random_uuid(), :app_id, :script_id, gen_random_uuid(), 'manual', 3, 3, 1, 1, 10,
               now() - interval '1 h' + n * interval '1 ms'{values}
        FROM generate_series(1, :count) AS n
        """,
        app_id=app_id,
        script_id=script_id,
        count=count,
        **columns,
    )
