"""The dispatcher's one connection. While it is open, this node holds the lock on its epoch: it is alive for the others."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from uuid import UUID

import psycopg2
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor
from sqlalchemy import Engine

from picloud.domain import ids
from picloud.models.node import EPOCH_LOCK_CLASS
from picloud.services import changes

CHANNEL = "picloud_outbox"
"""NOTIFY channel; the payload is the epoch of the node that has new deliveries."""

LIVE_EPOCHS = f"""
    SELECT objid::bigint FROM pg_locks
    WHERE locktype = 'advisory' AND classid = {EPOCH_LOCK_CLASS} AND objsubid = 2 AND granted
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""  # noqa: S608
"""The epochs of the nodes that are alive."""

# Without others there is nobody to tell, and no commit record to write. With them, none of them waits for the disk.
_ANNOUNCE = f"""
    BEGIN; SET LOCAL synchronous_commit = off;
    SELECT pg_notify('{CHANNEL}', %(epoch)s::text) WHERE EXISTS ({LIVE_EPOCHS} AND objid::bigint <> %(epoch)s);
    COMMIT
"""


# Everything here is looked up by key. Statistics of a table that is now empty and then full must not tell otherwise.
_PLANNING = """
    SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET enable_hashjoin = off;
    SET enable_mergejoin = off
"""


class Link:
    """Belongs to one thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Connection | None = None
        self._epoch: int | None = None

    @property
    def epoch(self) -> int:
        """This node's number, for the life of the process. There from the first `open` on."""
        assert self._epoch is not None
        return self._epoch

    @property
    def was_open(self) -> bool:
        return self._epoch is not None

    @property
    def is_open(self) -> bool:
        return self._connection is not None and not self._connection.closed

    def open(self) -> None:
        """Connect, hold the epoch's lock, listen. Raises the errors of psycopg2 and SQLAlchemy."""
        self.close()
        pooled = self._engine.raw_connection()
        self._connection = pooled.driver_connection
        pooled.detach()
        try:
            self._introduce()
        except BaseException:
            self.close()
            raise

    def _introduce(self) -> None:
        connection = self._open_connection()
        connection.rollback()
        connection.autocommit = True
        with connection.cursor() as cursor:
            if self._epoch is None:
                self._epoch = _next_epoch(cursor)
            # Shared: our own dead session, which the server may still count as alive, must not keep us out.
            cursor.execute("SELECT pg_advisory_lock_shared(%s, %s)", (EPOCH_LOCK_CLASS, self._epoch))
            cursor.execute(f"LISTEN {CHANNEL}; LISTEN {changes.CHANNEL}")
            cursor.execute(_PLANNING)

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(psycopg2.Error):
                connection.close()

    def fileno(self) -> int:
        """Readable when there is a notification, or when the server has gone."""
        return self._open_connection().fileno()

    @contextmanager
    def transaction(self) -> Iterator[Cursor]:
        """Commits at the end, rolls back on errors."""
        with self.cursor() as cursor:
            cursor.execute("BEGIN")
            try:
                yield cursor
            except BaseException:
                if self.is_open:
                    with suppress(psycopg2.Error):
                        cursor.execute("ROLLBACK")
                raise
            cursor.execute("COMMIT")

    @contextmanager
    def cursor(self) -> Iterator[Cursor]:
        """Every statement commits for itself."""
        with self._open_connection().cursor() as cursor:
            yield cursor

    def announce(self) -> None:
        """Tell the other nodes, if there are any, that there is something to deliver."""
        with self.cursor() as cursor:
            cursor.execute(_ANNOUNCE, {"epoch": self.epoch})

    def heard(self) -> "tuple[bool, list[UUID | None]]":
        """Whether other nodes have new deliveries, and the apps whose code has changed. Raises when the server has gone."""
        connection = self._open_connection()
        connection.poll()
        notifies, connection.notifies = list(connection.notifies), []
        own = str(self.epoch)
        news = any(note.channel == CHANNEL and note.payload != own for note in notifies)
        return news, [ids.parse(note.payload) for note in notifies if note.channel == changes.CHANNEL]

    def _open_connection(self) -> Connection:
        assert self._connection is not None
        return self._connection


def _next_epoch(cursor: Cursor) -> int:
    cursor.execute("SELECT nextval('node_epoch')")
    row = cursor.fetchone()
    assert row is not None
    return int(row[0])
