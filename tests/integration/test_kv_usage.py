"""What an app's store may hold."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from picloud.domain.errors import Conflict
from picloud.services.kv.entries import KvService
from picloud.services.kv.usage import KvGrowth, KvQuota
from tests.integration.conftest import World

QUOTA = KvQuota(entries=3, size_bytes=100, value_bytes=60)


@pytest.fixture
def session(world: World) -> Iterator[Session]:
    with world.sessions() as session:
        yield session


def write(world: World, session: Session, *keys: str, value: str = "x", ttl_s: float | None = None) -> None:
    growth = KvGrowth()
    kv = KvService(session, world.app_id, QUOTA, growth)
    for key in keys:
        kv.set("c", key, value, ttl_s)
    growth.book(session, world.app_id, QUOTA)
    session.commit()


def usage(world: World) -> tuple[int, int]:
    [row] = world.rows("SELECT entries, size_bytes FROM kv_usage WHERE app_id = :app", app=world.app_id)
    return row.entries, row.size_bytes


def test_one_entry_too_many_is_refused_and_said_so(world: World, session: Session) -> None:
    write(world, session, "a", "b", "c")
    with pytest.raises(Conflict, match="would hold 4 entries; 3 may be") as refused:
        write(world, session, "d")
    assert refused.value.problem_code == "kv_quota"
    session.rollback()
    write(world, session, "a", value="y")  # what is there may change
    assert usage(world)[0] == 3


def test_too_many_bytes_are_refused_and_less_is_taken(world: World, session: Session) -> None:
    write(world, session, "a", value="x" * 50)
    with pytest.raises(Conflict, match="bytes"):
        write(world, session, "b", value="x" * 50)
    session.rollback()
    write(world, session, "a")
    write(world, session, "b", value="x" * 50)


def test_what_has_expired_makes_room(world: World, session: Session) -> None:
    write(world, session, "a", "b", "c", ttl_s=60)
    with pytest.raises(Conflict):
        write(world, session, "d")
    session.rollback()
    world.change("UPDATE kv_entries SET expires_at = now() - interval '1 second' WHERE key <> 'c'")
    write(world, session, "d", "e")
    assert [row.key for row in world.rows("SELECT key FROM kv_entries ORDER BY key")] == ["c", "d", "e"]
    [(size_bytes,)] = world.rows("SELECT sum(size_bytes) FROM kv_entries")
    assert usage(world) == (3, size_bytes)


def test_a_store_over_a_quota_that_was_lowered_may_shrink(world: World, session: Session) -> None:
    write(world, session, "a", "b", "c")
    growth = KvGrowth()
    KvService(session, world.app_id, QUOTA, growth).delete("c", "a")
    growth.book(session, world.app_id, replace(QUOTA, entries=1))
    session.commit()
    assert usage(world)[0] == 2


def test_expired_entries_that_somebody_holds_do_not_stop_anybody(world: World, session: Session) -> None:
    write(world, session, "a", "b", "c", ttl_s=60)
    world.change("UPDATE kv_entries SET expires_at = now() - interval '1 second'")
    with world.engine.connect() as other:
        other.execute(text("SELECT 1 FROM kv_entries WHERE key = 'a' FOR UPDATE"))
        write(world, session, "d", "e")
        other.rollback()
    assert usage(world)[0] == 3
