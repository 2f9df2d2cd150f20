from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from picloud.models.revisions import current_revision, newest_revision
from picloud.sandbox_pool.executor import Executor, ExecutorGone
from picloud.services.instance.disk import DiskGuard


class Readiness:
    """Whether this process can do its work right now."""

    def __init__(self, sessions: sessionmaker[Session], executor: Executor, disk: DiskGuard) -> None:
        self._sessions = sessions
        self._executor = executor
        self._disk = disk

    def reasons(self) -> list[str]:
        """What keeps it from working; empty when nothing does."""
        return [reason for reason in (self._database(), self._sandbox(), self._room()) if reason]

    def _database(self) -> str:
        try:
            with self._sessions() as session:
                found, wanted = current_revision(session.connection()), newest_revision()
        except SQLAlchemyError:
            return "database: PostgreSQL does not answer"
        return "" if found == wanted else f"migrations: the database is at {found or 'nothing'}, the code at {wanted}"

    def _sandbox(self) -> str:
        try:
            self._executor.layers()
        except ExecutorGone as error:
            return f"executor: {error}"
        return ""

    def _room(self) -> str:
        shortage = self._disk.shortage()
        return f"disk: {shortage}" if shortage else ""
