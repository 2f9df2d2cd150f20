"""All connections of a request break while it is amid its work: that is the database's trouble, and said so."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import NullPool, create_engine, event, text
from webtest import TestApp

from picloud.process import Process
from tests.functional.bench import Bench
from tests.functional.client import Client

BREAK_ALL = text("""
    SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
""")


@pytest.fixture
def breaks(process: Process) -> Iterator[list[str]]:
    """The first statement that has these words finds no connection alive, its own neither."""
    words = ["queue_trigger_details"]
    outside = create_engine(process.engine.url, poolclass=NullPool)

    def before(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if words and words[0] in statement:
            words.clear()
            with outside.connect() as other:
                other.execute(BREAK_ALL)

    engine = process.runtime.app_codes._engine
    event.listen(engine, "before_cursor_execute", before)
    yield words
    event.remove(engine, "before_cursor_execute", before)


def test_it_is_answered_with_503(owner: Client, app: TestApp, process: Process, breaks: list[str]) -> None:
    """The error that is raised last is not the connection's, but that of the rollback that failed for want of one."""
    bench = Bench(owner, app)
    process.runtime.app_codes.invalidate()
    problem = owner.call("PUT", f"/apps/{bench.slug}/kv/things/one", {"value": 1}, status=503)
    assert problem["code"] == "database_away"
    assert not breaks
    owner.put(f"/apps/{bench.slug}/kv/things/one", {"value": 1})
