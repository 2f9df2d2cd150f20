"""The dispatcher's one connection. While it is open, this node holds the lock on its epoch: it is alive for the others."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple
from uuid import UUID

import psycopg2
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor
from psycopg2.extensions import make_dsn
from sqlalchemy import Engine

from picloud.domain import ids
from picloud.models.node import EPOCH_LOCK_CLASS, LIVE_EPOCHS, SESSION_LOCK_CLASS
from picloud.services import changes, promises

CHANNEL = "picloud_outbox"
"""NOTIFY channel; the payload is the epoch of the node that has new deliveries."""

NODES_CHANNEL = "picloud_nodes"
"""NOTIFY channel; the payload is the epoch of the node that has come."""

# Without others there is nobody to tell, and no commit record to write. With them, none of them waits for the disk.
_NOTIFY = f"SELECT pg_notify(%(channel)s, %(epoch)s::text) WHERE EXISTS ({LIVE_EPOCHS} AND objid::bigint <> %(epoch)s)"
_ANNOUNCE = f"BEGIN; SET LOCAL synchronous_commit = off; {_NOTIFY}; COMMIT"


# Everything here is looked up by key. Statistics of a table that is now empty and then full must not tell otherwise.
_PLANNING = """
    SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET enable_hashjoin = off;
    SET enable_mergejoin = off; SET enable_sort = off
"""


class Heard(NamedTuple):
    """What the other nodes have said: whether there are new deliveries or nodes, and the apps whose code has changed.

    `promised`: a node has committed deliveries, which it will claim if it doesn't hang.
    """

    deliveries: bool
    nodes: bool
    promised: bool
    changed: "list[UUID | None]"


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
        """Connect, hold the epoch's lock, listen, say so to the others. Raises the errors of psycopg2 and SQLAlchemy."""
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
            cursor.execute("SELECT pg_advisory_lock(%s, pg_backend_pid())", (SESSION_LOCK_CLASS,))
            # Shared: our own dead session, which the server may still count as alive, must not keep us out.
            cursor.execute("SELECT pg_advisory_lock_shared(%s, %s)", (EPOCH_LOCK_CLASS, self._epoch))
            cursor.execute(
                f"LISTEN {CHANNEL}; LISTEN {NODES_CHANNEL}; LISTEN {changes.CHANNEL}; LISTEN {promises.CHANNEL}"
            )
            cursor.execute(_PLANNING)
        self._announce(NODES_CHANNEL)

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
        self._announce(CHANNEL)

    def announce_with(self, cursor: Cursor) -> None:
        """The same at the commit of the cursor's transaction: they know then, even if this node hangs from there on."""
        cursor.execute(_NOTIFY, {"epoch": self.epoch, "channel": CHANNEL})

    def heard(self) -> Heard:
        """What came since the last call. Raises when the server has gone."""
        connection = self._open_connection()
        connection.poll()
        notifies, connection.notifies = list(connection.notifies), []
        own = str(self.epoch)
        of_others = {note.channel for note in notifies if note.payload != own}
        changed = [ids.parse(note.payload) for note in notifies if note.channel == changes.CHANNEL]
        return Heard(CHANNEL in of_others, NODES_CHANNEL in of_others, promises.CHANNEL in of_others, changed)

    def twin(self) -> Connection:
        """Another connection like this one, asynchronous and not made yet. Raises the errors of psycopg2."""
        connection = self._open_connection()
        dsn = make_dsn(**connection.get_dsn_parameters() | {"password": connection.info.password})
        return psycopg2.connect(dsn, async_=True)

    def _announce(self, channel: str) -> None:
        with self.cursor() as cursor:
            cursor.execute(_ANNOUNCE, {"epoch": self.epoch, "channel": channel})

    def _open_connection(self) -> Connection:
        assert self._connection is not None
        return self._connection


def _next_epoch(cursor: Cursor) -> int:
    cursor.execute("SELECT nextval('node_epoch')")
    row = cursor.fetchone()
    assert row is not None
    return int(row[0])
