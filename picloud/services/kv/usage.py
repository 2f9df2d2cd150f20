"""How much an app's store holds, and may hold."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from picloud.domain.errors import Conflict
from picloud.settings import Settings

_COUNT = text("""
    INSERT INTO kv_usage AS u (app_id, entries, size_bytes) VALUES (:app_id, :entries, :size_bytes)
    ON CONFLICT (app_id) DO UPDATE SET entries = u.entries + :entries, size_bytes = u.size_bytes + :size_bytes
    RETURNING entries, size_bytes
""")
# Who holds one of them is about to write it, and counts it then.
_PURGE = text("""
    WITH expired AS (
        SELECT collection, key FROM kv_entries WHERE app_id = :app_id AND expires_at <= now() FOR UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM kv_entries AS e USING expired AS x
        WHERE e.app_id = :app_id AND e.collection = x.collection AND e.key = x.key RETURNING e.size_bytes
    )
    SELECT count(*) AS entries, coalesce(sum(size_bytes), 0)::bigint AS size_bytes FROM gone
""")


@dataclass(frozen=True, slots=True)
class KvQuota:
    """What an app's store may hold, and one value of it."""

    entries: int
    size_bytes: int
    value_bytes: int

    @classmethod
    def of(cls, settings: Settings) -> "KvQuota":
        return cls(settings.kv_max_entries, settings.kv_max_bytes, settings.kv_value_max_bytes)


@dataclass(slots=True)
class KvGrowth:
    """What a transaction has added to an app's store and not booked yet; negative: taken from it."""

    entries: int = 0
    size_bytes: int = 0

    def add(self, entries: int, size_bytes: int) -> None:
        self.entries += entries
        self.size_bytes += size_bytes

    def book(self, session: Session, app_id: UUID, quota: KvQuota) -> None:
        """Count it. Where the app then holds more than its quota, what has expired goes; raises Conflict if that is
        not enough."""
        entries, size_bytes = self.entries, self.size_bytes
        if not entries and not size_bytes:
            return
        self.entries = self.size_bytes = 0
        usage = _counted(session, app_id, entries, size_bytes)
        if usage.exceeds(quota):
            purged = session.execute(_PURGE, {"app_id": app_id}).one()
            usage = _counted(session, app_id, -purged.entries, -purged.size_bytes)
        _hold("entries", usage.entries, quota.entries, entries)
        _hold("bytes", usage.size_bytes, quota.size_bytes, size_bytes)


@dataclass(frozen=True, slots=True)
class _Usage:
    entries: int
    size_bytes: int

    def exceeds(self, quota: KvQuota) -> bool:
        return self.entries > quota.entries or self.size_bytes > quota.size_bytes


def _counted(session: Session, app_id: UUID, entries: int, size_bytes: int) -> _Usage:
    """What the app holds with this much more."""
    row = session.execute(_COUNT, {"app_id": app_id, "entries": entries, "size_bytes": size_bytes}).one()
    return _Usage(row.entries, row.size_bytes)


def _hold(what: str, used: int, most: int, grew: int) -> None:
    if used > most and grew > 0:
        raise Conflict(f"The app's store would hold {used} {what}; {most} may be.", code="kv_quota")
