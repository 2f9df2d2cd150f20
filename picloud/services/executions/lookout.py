"""Looks for executions of other nodes, for as long as somebody here watches and there are, or were, other nodes."""

import logging
from datetime import datetime, timedelta
from threading import Thread
from uuid import UUID

from sqlalchemy import Connection, Engine, select, text
from sqlalchemy.orm import Session

from picloud.domain.ids import lower_bound
from picloud.models import Execution
from picloud.models.node import EPOCH_LOCK_CLASS
from picloud.services.executions.executions import without_bodies
from picloud.services.executions.feed import ExecutionFeed
from picloud.services.trouble import passes

log = logging.getLogger(__name__)

LOOK_S = 1.0
COUNT_S = 20.0
"""A single node looks so often whether it still is one."""
LOOK_BACK = timedelta(seconds=30)
"""An execution whose commit follows its end by more than this is not found."""
MOST = 500
"""Executions taken over in one look; the rest in the next."""

_NODES = text(f"""
    SELECT count(DISTINCT objid) > 1, now() FROM pg_locks
    WHERE locktype = 'advisory' AND classid = {EPOCH_LOCK_CLASS} AND objsubid = 2 AND granted
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
""")  # noqa: S608


class ExecutionLookout:
    """One thread, which sleeps while nobody watches, and one query for all who watch."""

    def __init__(self, engine: Engine, feed: ExecutionFeed) -> None:
        self._engine = engine
        self._feed = feed
        self._others = False
        self._since: UUID | None = None
        self._thread = Thread(target=self._run, name="execution-lookout", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def join(self, timeout_s: float) -> None:
        """After the feed was closed."""
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while self._feed.wait_until_watched():
            self._since = None
            while not self._feed.wait_until_left(self._pause_s()):
                self._look()

    def _pause_s(self) -> float:
        if self._since is None:
            return 0.0
        return LOOK_S if self._others else COUNT_S

    def _look(self) -> None:
        try:
            with self._engine.connect() as connection:
                self._look_with(connection)
        except Exception as error:
            if not passes(error):
                log.error("looking for other nodes' executions failed", exc_info=error)

    def _look_with(self, connection: Connection) -> None:
        others, now = connection.execute(_NODES).one()
        self._others = self._others or others
        oldest = self._oldest(now)
        if not self._others:
            self._feed.untold((), oldest)
            return
        ids = select(Execution.id).where(Execution.app_id.in_(self._feed.watched), Execution.id > oldest)
        new = self._feed.untold(connection.execute(ids.order_by(Execution.id)).scalars(), oldest)[:MOST]
        if new:
            slim = select(Execution).where(Execution.id.in_(new)).order_by(Execution.id)
            with Session(connection) as session:
                self._feed.found(session.scalars(slim.options(*without_bodies())).all())

    def _oldest(self, now: datetime) -> UUID:
        """From where on to look: what ended before somebody watched is not news."""
        if self._since is None:
            self._since = lower_bound(now)
        return max(self._since, lower_bound(now - LOOK_BACK))
