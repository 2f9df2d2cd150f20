"""Tells an owner of trouble: looks what holds, remembers it, and sends what was not told yet."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, delete, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from picloud.checkup.files import files
from picloud.checkup.finding import State
from picloud.crypto import MasterKey
from picloud.domain.notices import Condition
from picloud.models import Notice, NotificationSettings
from picloud.outbound.client import Client
from picloud.services.instance.notifications import Destination, NotificationService
from picloud.services.instance.telling import tell
from picloud.settings import Settings

log = logging.getLogger(__name__)

AGAIN = timedelta(hours=24)
"""What still holds is told again after so long."""
NEWS_AGAIN = timedelta(hours=1)
"""And what got worse after so long."""

TITLES = {
    Condition.DEAD_LETTERS: "PiCloud: deliveries failed for good",
    Condition.BREAKER: "PiCloud: a script keeps killing its worker",
    Condition.DISK: "PiCloud: the disk is nearly full",
    Condition.BACKUPS: "PiCloud: no recent backup",
    Condition.MAIL_SILENT: "PiCloud: no mail has come",
}
_DEAD = text("""
    SELECT count(*) AS letters, max(l.failed_at) AS newest,
           (array_agg(a.slug ORDER BY l.failed_at DESC))[1] AS app
    FROM dead_letters AS l JOIN apps AS a ON a.id = l.app_id WHERE l.state = 'dead'
""")
# Of the triggers that are on; none of which has had any mail counts from the moment that somebody asked to be told.
_LAST_MAIL = text("""
    SELECT greatest(max(k.created_at), :asked_at) FROM triggers AS t
    LEFT JOIN inbound_dedupe_keys AS k ON k.trigger_id = t.id
    WHERE t.kind = 'email' AND t.enabled AND t.deleted_at IS NULL HAVING count(*) > 0
""")


@dataclass(frozen=True, slots=True)
class Found:
    """A condition that holds. `changed_at`: since when it is as it is, None for since it was found."""

    condition: Condition
    detail: str
    changed_at: datetime | None = None


class Notifier:
    """`held_back`: how many scripts the breaker holds back now."""

    def __init__(
        self, master_key: MasterKey, data_dir: Path, held_back: Callable[[], int], client: Client | None = None
    ) -> None:
        self._master_key = master_key
        self._data_dir = data_dir
        self._held_back = held_back
        self._client = client or Client()
        self.next_look_s: float | None = None
        """In how many seconds something may hold that nobody's work brings about; None: never."""

    def round(self, connection: Connection, settings: Settings) -> None:
        """A task of the upkeep. At least once: a crash between sending and writing it down sends again."""
        self.next_look_s = None
        with Session(connection) as session, session.begin():
            service = NotificationService(session, self._master_key)
            row = service.find()
            if row is None:
                return
            found = [each for each in self._look(session, row) if each.condition in row.conditions]
            due = _remember(session, found)
            to = service.destination() if due else None
        if to is not None:
            for condition, detail in due:
                self._send(connection, to, condition, detail)

    def _send(self, connection: Connection, to: Destination, condition: Condition, detail: str) -> None:
        error = tell(self._client, to, condition, TITLES[condition], detail)
        if error:
            log.warning("could not notify", extra={"fields": {"condition": condition.value, "error": error}})
            self.next_look_s = 0.0
        with Session(connection) as session, session.begin():
            notice = session.get(Notice, condition)
            if notice is not None:
                notice.error = error
                notice.sent_at = notice.sent_at if error else func.now()

    def _look(self, session: Session, row: NotificationSettings) -> Iterator[Found]:
        dead = session.execute(_DEAD).one()
        if dead.letters:
            detail = f"{dead.letters} dead letters wait to be replayed or discarded, the newest in the app {dead.app}."
            yield Found(Condition.DEAD_LETTERS, detail, dead.newest)
        if held := self._held_back():
            yield Found(Condition.BREAKER, f"{held} scripts are held back because they killed their workers.")
        conditions = {"disk": Condition.DISK, "backups": Condition.BACKUPS}
        for finding in files(self._data_dir, ()):
            if finding.name in conditions and finding.state is not State.OK:
                yield Found(conditions[finding.name], f"{finding.detail}: {finding.remedy}.")
        if Condition.MAIL_SILENT in row.conditions:
            yield from self._silence(session, row)

    def _silence(self, session: Session, row: NotificationSettings) -> Iterator[Found]:
        last = session.execute(_LAST_MAIL, {"asked_at": row.updated_at}).scalar()
        if last is None:
            return
        now = session.execute(select(func.now())).scalar_one()
        left = last + timedelta(hours=row.mail_silent_h) - now
        if left.total_seconds() > 0:
            self.next_look_s = left.total_seconds()
        else:
            yield Found(Condition.MAIL_SILENT, f"No mail has come since {last:%Y-%m-%d %H:%M} UTC.", last)


def _remember(session: Session, found: list[Found]) -> list[tuple[Condition, str]]:
    """Writes down what holds, and forgets the rest. What of it has to be told now."""
    held = [each.condition for each in found]
    session.execute(delete(Notice).where(Notice.condition.not_in(held)))
    due = []
    for each in found:
        values = {"condition": each.condition, "detail": each.detail, "changed_at": each.changed_at or func.now()}
        changed = {"detail": each.detail} | ({"changed_at": each.changed_at} if each.changed_at else {})
        row = insert(Notice).values(values).on_conflict_do_update(index_elements=["condition"], set_=changed)
        stale = Notice.sent_at < func.now() - AGAIN
        worse = (Notice.changed_at > Notice.sent_at) & (Notice.sent_at < func.now() - NEWS_AGAIN)
        untold = Notice.sent_at.is_(None) | stale | worse
        if session.execute(row.returning(untold)).scalar_one():
            due.append((each.condition, each.detail))
    return due
