"""Learns of another node's death at once. Nodes form a ring by their epochs: each watches the next one.

A second connection waits for a lock that the neighbour's session holds. A node without neighbours has none. A waiting
statement holds a snapshot, which keeps vacuum from what was deleted since: while there is work, it is made anew each
FRESH_S; else the server ends it after LONGEST_S. Then it is looked around as well, for what a hanging node has
committed too late for its promise (`picloud.services.promises`).
"""

import logging
import select
import time
from contextlib import suppress
from dataclasses import dataclass

import psycopg2
from psycopg2.extensions import POLL_OK, POLL_READ
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from picloud.dispatcher.link import Link
from picloud.models.node import EPOCH_LOCK_CLASS, SESSION_LOCK_CLASS

log = logging.getLogger(__name__)

FRESH_S = 10.0
LONGEST_S = 300
CONNECT_S = 5.0
AGAIN_S = 30.0
"""Where the next node can't be watched, it is tried again after so long."""

_NEXT = f"""
    SELECT pid FROM pg_locks AS epoch WHERE locktype = 'advisory' AND classid = {EPOCH_LOCK_CLASS} AND objsubid = 2
      AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND objid::bigint <> %(epoch)s AND EXISTS (
        SELECT FROM pg_locks AS session WHERE session.locktype = 'advisory' AND session.classid = {SESSION_LOCK_CLASS}
        AND session.database = epoch.database AND session.objid = epoch.pid::oid AND session.pid = epoch.pid)
    ORDER BY objid::bigint < %(epoch)s, objid::bigint LIMIT 1
"""  # noqa: S608
# Where our process is killed, nobody is there to end the wait: the server looks whether there is somebody.
_PREPARE = f"SET statement_timeout = '{LONGEST_S}s'; SET client_connection_check_interval = '30s'"
# Caught, so that the server's log shows no error.
_WAIT = """
    DO $$ BEGIN PERFORM pg_advisory_xact_lock_shared(%s, %s);
    EXCEPTION WHEN query_canceled THEN RAISE NOTICE 'cancelled'; END $$
"""


@dataclass(slots=True)
class _Watch:
    connection: Connection
    cursor: Cursor
    """Kept: an answer needs it."""
    pid: int
    since: float


class Neighbours:
    """Belongs to the loop's thread. Without its connection the leases still decide; so it raises nothing of its own."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._watch: _Watch | None = None

    def sources(self) -> list[Connection]:
        """What is readable when there is something to `hear`."""
        return [self._watch.connection] if self._watch else []

    def look(self) -> float | None:
        """Watch the next node, if there is one. When to look again, in seconds. Raises psycopg2's errors of the link."""
        with self._link.cursor() as cursor:
            cursor.execute(_NEXT, {"epoch": self._link.epoch})
            row = cursor.fetchone()
        if row is not None and self._watch is not None and self._watch.pid == row[0]:
            return None
        self.close()
        if row is not None:
            self._begin(row[0])
        return AGAIN_S if row is not None and self._watch is None else None

    def hear(self, *, busy: bool) -> bool:
        """Whether to `look` again: the node that was watched is gone, or may be. `busy`: deliveries are being made."""
        watch = self._watch
        if watch is None:
            return False
        try:
            if watch.connection.poll() == POLL_OK:
                if watch.connection.notices:
                    by_itself = time.monotonic() >= watch.since + LONGEST_S
                    return not self._wait(watch) or by_itself
                self.close()
                return True
            if busy and time.monotonic() > watch.since + FRESH_S:
                watch.since = time.monotonic()
                watch.connection.cancel()
        except psycopg2.Error:
            self.close()
            return True
        return False

    def close(self) -> None:
        watch, self._watch = self._watch, None
        if watch is not None:
            with suppress(psycopg2.Error):
                watch.connection.cancel()  # a closed connection alone does not end the wait
            watch.connection.close()

    def _begin(self, pid: int) -> None:
        try:
            connection = self._link.twin()
            _finish(connection)
            self._watch = watch = _Watch(connection, connection.cursor(), pid, 0.0)
            watch.cursor.execute(_PREPARE)
            _finish(connection)
        except psycopg2.Error as error:
            log.warning("another node is not watched; its leases decide", exc_info=error)
            self.close()
            return
        self._wait(watch)

    def _wait(self, watch: _Watch) -> bool:
        """Whether it waits."""
        watch.since = time.monotonic()
        watch.connection.notices.clear()
        try:
            watch.cursor.execute(_WAIT, (SESSION_LOCK_CLASS, watch.pid))
        except psycopg2.Error:
            self.close()
            return False
        return True


def _finish(connection: Connection) -> None:
    """Wait until the server has answered. Raises OperationalError after CONNECT_S."""
    deadline = time.monotonic() + CONNECT_S
    while (state := connection.poll()) != POLL_OK:
        poll = select.poll()
        poll.register(connection.fileno(), select.POLLIN if state == POLL_READ else select.POLLOUT)
        if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
            raise psycopg2.OperationalError(f"no answer in {CONNECT_S:.0f} s")
