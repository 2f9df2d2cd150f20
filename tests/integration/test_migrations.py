"""The migrations make exactly the schema that the models describe; and they can be undone."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from alembic import command
from sqlalchemy import Connection, Engine, text

from picloud.models import Base
from picloud.models.revisions import current_revision, newest_revision
from picloud.models.schema import alembic_config, migrate
from tests.functional.client import eventually

TURN = 0x7069636D
"""The lock of migrations/env.py."""
ASKS = f"SELECT FROM pg_stat_activity WHERE query LIKE '%advisory_lock({TURN})' AND pid <> pg_backend_pid()"
SCHEMA = {
    "columns": """
        SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid)
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition""",
    "constraints": """
        SELECT c.conrelid::regclass::text, c.conname, pg_get_constraintdef(c.oid) FROM pg_constraint c
        JOIN pg_class r ON r.oid = c.conrelid
        WHERE r.relnamespace = 'public'::regnamespace AND NOT r.relispartition""",
    "indexes": """
        SELECT r.relname, pg_get_indexdef(i.indexrelid) FROM pg_index i JOIN pg_class r ON r.oid = i.indrelid
        WHERE r.relnamespace = 'public'::regnamespace AND NOT r.relispartition""",
    "storage": """
        SELECT relname, relkind, reloptions, pg_get_partkeydef(oid) FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'S') AND NOT relispartition""",
}


def schema_of(connection: Connection) -> dict[str, set[str]]:
    found = {}
    for name, query in SCHEMA.items():
        rows = {str(tuple(row)) for row in connection.execute(text(query))}
        found[name] = {row for row in rows if "alembic_version" not in row}
    return found


def test_the_migrations_equal_the_models(engine: Engine, empty_database: Engine) -> None:
    with empty_database.begin() as connection:
        Base.metadata.create_all(connection)
        by_models = schema_of(connection)
        Base.metadata.drop_all(connection)
    with engine.connect() as connection:
        by_migrations = schema_of(connection)
    assert all(by_models.values())
    assert by_migrations == by_models


def test_migrations_go_down_and_up_again(empty_database: Engine) -> None:
    migrate(empty_database)
    config = alembic_config()
    with empty_database.connect() as connection:
        assert current_revision(connection) == newest_revision()
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
        assert not any(schema_of(connection)["columns"])
    migrate(empty_database)
    migrate(empty_database)
    with empty_database.begin() as connection:
        config.attributes["connection"] = connection
        partitions = connection.execute(
            text("SELECT count(*) FROM pg_class WHERE relname LIKE 'events_2%' AND relkind='r'")
        )
        assert partitions.scalar_one() == 8


def test_who_waits_for_its_turn_is_in_nobody_s_way(engine: Engine) -> None:
    """An index that is built CONCURRENTLY waits for statements under way, and so would for those that wait for its builder."""
    with ExitStack() as stack:
        migrating = stack.enter_context(engine.connect().execution_options(isolation_level="AUTOCOMMIT"))
        migrating.execute(text("CREATE TABLE built (n int)"))
        stack.callback(lambda: migrating.execute(text("DROP TABLE built")))
        migrating.execute(text(f"SELECT pg_advisory_lock({TURN})"))
        waiting = stack.enter_context(ThreadPoolExecutor(1)).submit(migrate, engine)
        eventually(lambda: migrating.execute(text(ASKS)).all())
        migrating.execute(text("CREATE INDEX CONCURRENTLY ON built (n)"))
        assert not waiting.done()
        migrating.execute(text(f"SELECT pg_advisory_unlock({TURN})"))
        waiting.result()
