"""The one transaction of a run, and of the sync handlers that it sets off."""

from uuid import UUID

from sqlalchemy.orm import Session, sessionmaker

from picloud.services.executions.recorder import Recorder
from picloud.services.executions.rows import ExecutionRow, insert_executions, psycopg2_cursor
from picloud.services.kv.usage import KvGrowth, KvQuota
from picloud.services.sessions import after_commit


class RunTransaction:
    """Opened when it is needed, committed by the caller after `book`. `close` is for every end.

    The records of sync runs are committed with it; where it isn't, they alone stay.
    """

    def __init__(
        self,
        app_id: UUID,
        quota: KvQuota,
        sessions: sessionmaker[Session],
        recorder: Recorder,
        session: Session | None = None,
    ) -> None:
        """`session`: one that the caller has opened and will close."""
        self._app_id = app_id
        self.quota = quota
        self._sessions = sessions
        self._recorder = recorder
        self._own = session is None
        self._records: list[ExecutionRow] = []
        self.growth = KvGrowth()
        self.session = session
        self.asked_outside = False
        """What was asked for outside is not undone by a rollback."""

    def opened(self) -> Session:
        if self.session is None:
            self.session = self._sessions()
        return self.session

    def record(self, row: ExecutionRow) -> None:
        self._records.append(row)

    def book(self) -> None:
        """Before the commit. Raises Conflict when the store then holds more than its quota."""
        if self.session is None:
            return
        self.growth.book(self.session, self._app_id, self.quota)
        if self._records:
            with psycopg2_cursor(self.session.connection()) as cursor:
                insert_executions(cursor, self._records)
            after_commit(self.session, self, self._recorded)

    def close(self) -> None:
        if self._own and self.session is not None:
            self.session.close()
        for row in self._records:
            self._recorder.add(row)
        self._records.clear()

    def _recorded(self) -> None:
        self._recorder.recorded(self._records)
        self._records.clear()
