"""An app's store: what `ctx.kv` and the admin API do. Everything happens in the caller's transaction."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import ColumnElement, Row, func, or_, select, text
from sqlalchemy.dialects.postgresql import JSON
from sqlalchemy.orm import Session

from picloud.domain.errors import Conflict, invalid
from picloud.domain.kv import KvChange, KvOp, after_all_with, check_names, encode, same
from picloud.domain.text import storable
from picloud.models import KvEntry
from picloud.services.kv.usage import KvGrowth, KvQuota

LIST_MAX = 1_000
MAX_TTL_S = 10 * 365 * 86_400.0

ABSENT = object()
"""The value of an entry that isn't there, or shall not be."""

_KEEP = object()

_LOCK = text("""
    SELECT value, version, size_bytes, expires_at, coalesce(expires_at <= clock_timestamp(), false) AS expired
    FROM kv_entries WHERE app_id = :app_id AND collection = :collection AND key = :key FOR UPDATE
""").columns(value=JSON)
_INSERT = text("""
    INSERT INTO kv_entries (app_id, collection, key, value, version, size_bytes, expires_at)
    VALUES (:app_id, :collection, :key, :value, 1, :size_bytes, clock_timestamp() + make_interval(secs => :ttl_s))
    ON CONFLICT DO NOTHING RETURNING version
""")
_UPDATE = text("""
    UPDATE kv_entries SET value = :value, version = :version, size_bytes = :size_bytes, updated_at = now(),
      expires_at = CASE WHEN :keep_ttl THEN expires_at ELSE clock_timestamp() + make_interval(secs => :ttl_s) END
    WHERE app_id = :app_id AND collection = :collection AND key = :key
""")
_DELETE = text("DELETE FROM kv_entries WHERE app_id = :app_id AND collection = :collection AND key = :key")


class Watcher(Protocol):
    """Whoever wants to know what changes."""

    def watches(self, collection: str, key: str) -> bool:
        """Whether some change of this entry may concern it."""

    def kv_changed(self, change: KvChange) -> None:
        """In the transaction of the change, after it. What it raises undoes the change, and what it did itself."""


class KvService:
    """What is written adds to `growth`, which has to be booked before the commit: that holds the quota."""

    def __init__(
        self, session: Session, app_id: UUID, quota: KvQuota, growth: KvGrowth, watcher: Watcher | None = None
    ) -> None:
        self._session = session
        self._app_id = app_id
        self._quota = quota
        self._growth = growth
        self._watcher = watcher

    def get(self, collection: str, key: str) -> KvEntry | None:
        """The entry, or None. Raises Invalid."""
        check_names(collection, key)
        query = select(KvEntry).where(KvEntry.app_id == self._app_id, KvEntry.collection == collection)
        fresh = query.where(KvEntry.key == key, _present()).execution_options(populate_existing=True)
        return self._session.scalar(fresh)

    def written(self, collection: str, key: str) -> KvEntry:
        """The entry that was just set, even if its time is over already."""
        return self._session.get_one(KvEntry, (self._app_id, collection, key), populate_existing=True)

    def list(
        self, collection: str, *, prefix: str = "", limit: int = 100, after: str | None = None
    ) -> Sequence[KvEntry]:
        """Entries in the order of their keys' bytes. Raises Invalid."""
        check_names(collection)
        if not 1 <= limit <= LIST_MAX:
            raise invalid("/limit", f"has to be from 1 to {LIST_MAX}")
        for name, part in (("prefix", prefix), ("after", after or "")):
            if not storable(part):
                raise invalid(f"/{name}", "holds NUL or half of a surrogate pair, which no key has")
        query = select(KvEntry).where(KvEntry.app_id == self._app_id, KvEntry.collection == collection, _present())
        if prefix:
            query = query.where(KvEntry.key >= prefix, func.starts_with(KvEntry.key, prefix))
            if (end := after_all_with(prefix)) is not None:
                query = query.where(KvEntry.key < end)
        if after is not None:
            query = query.where(KvEntry.key > after)
        fresh = query.order_by(KvEntry.key).limit(limit).execution_options(populate_existing=True)
        return self._session.scalars(fresh).all()

    def collections(self, *, limit: int, after: str | None = None) -> Sequence[Row[str, int]]:
        """The collections after the name `after`, in order, each with the number of its entries."""
        query = select(KvEntry.collection, func.count()).where(KvEntry.app_id == self._app_id, _present())
        if after is not None:
            query = query.where(KvEntry.collection > after)
        return self._session.execute(query.group_by(KvEntry.collection).order_by(KvEntry.collection).limit(limit)).all()

    def set(self, collection: str, key: str, value: Any, ttl_s: float | None = None) -> None:
        """Put the value there, whatever was before. Raises Invalid."""
        self._change(collection, key, lambda old: value, ttl_s=ttl_s)

    def delete(self, collection: str, key: str) -> bool:
        """Whether there was one. Raises Invalid."""
        old, _ = self._change(collection, key, lambda old: ABSENT)
        return old is not ABSENT

    def incr(self, collection: str, key: str, by: float = 1) -> float:
        """The sum; an entry that isn't there counts as 0. Raises Invalid; Conflict for a value that is no number."""

        def add(old: Any) -> Any:
            number = 0 if old is ABSENT else old
            if isinstance(number, bool) or not isinstance(number, int | float):
                raise Conflict(f"{collection}/{key} holds {type(number).__name__}, which can't be added to.")
            try:
                return number + by
            except OverflowError:
                raise invalid("/value", "would be too large a number") from None

        total: float = self._change(collection, key, add, keep_ttl=True)[1]
        return total

    def cas(self, collection: str, key: str, expected: Any, new: Any) -> bool:
        """Put `new` there if `expected` is there (None: nothing, or null). Whether it was. Raises Invalid."""
        swapped = False

        def swap(old: Any) -> Any:
            nonlocal swapped
            swapped = same(None if old is ABSENT else old, expected)
            return new if swapped else _KEEP

        self._change(collection, key, swap, keep_ttl=True)
        return swapped

    def _change(
        self,
        collection: str,
        key: str,
        decide: Callable[[Any], Any],
        *,
        ttl_s: float | None = None,
        keep_ttl: bool = False,
    ) -> tuple[Any, Any]:
        """Lock the entry and write what `decide` makes of its value, ABSENT for none, or _KEEP. The old and the new one."""
        check_names(collection, key)
        if ttl_s is not None and not 0 < ttl_s <= MAX_TTL_S:
            raise invalid("/ttl_s", f"has to be above 0 and at most {MAX_TTL_S:.0f}")
        at = {"app_id": self._app_id, "collection": collection, "key": key}
        life = {"ttl_s": ttl_s, "keep_ttl": keep_ttl}
        if self._watcher is None or not self._watcher.watches(collection, key):
            return self._decided(at, decide, life)
        grown = replace(self._growth)
        try:
            with self._session.begin_nested():
                old, new = self._decided(at, decide, life)
                if new is not _KEEP:
                    self._watcher.kv_changed(_change_of(collection, key, old, new))
        except BaseException:
            self._growth.entries, self._growth.size_bytes = grown.entries, grown.size_bytes
            raise
        return old, new

    def _decided(self, at: dict[str, Any], decide: Callable[[Any], Any], life: dict[str, Any]) -> tuple[Any, Any]:
        """The old value and the new one, which is written, or _KEEP."""
        while True:
            row = self._session.execute(_LOCK, at).one_or_none()
            old = ABSENT if row is None or row.expired else row.value
            new = decide(old)
            if new is _KEEP or (old is ABSENT and new is ABSENT):
                return old, _KEEP
            if self._write(at, row, old, new, life | {"keep_ttl": life["keep_ttl"] and old is not ABSENT}):
                return old, new

    def _write(self, at: dict[str, Any], row: Row[Any] | None, old: Any, new: Any, life: dict[str, Any]) -> bool:
        """False where somebody else has inserted the entry meanwhile."""
        before = row.size_bytes if row is not None else 0
        if new is ABSENT:
            self._session.execute(_DELETE, at)
            self._growth.add(-1, -before)
            return True
        encoded = encode(new, self._quota.value_bytes)
        size_bytes = len(encoded) + len(at["key"].encode())
        values = at | life | {"value": encoded, "size_bytes": size_bytes}
        if row is None:
            if self._session.execute(_INSERT, values).one_or_none() is None:
                return False
        else:
            self._session.execute(_UPDATE, values | {"version": 1 if old is ABSENT else row.version + 1})
        self._growth.add(int(row is None), size_bytes - before)
        return True


def _change_of(collection: str, key: str, old: Any, new: Any) -> KvChange:
    op = KvOp.INSERT if old is ABSENT else KvOp.DELETE if new is ABSENT else KvOp.UPDATE
    value, old_value = (None if value is ABSENT else value for value in (new, old))
    return KvChange(op, collection, key, value, old_value)


def _present() -> ColumnElement[bool]:
    """Not now(), which stands still in a run's transaction: a handler may outlive what it has set."""
    return or_(KvEntry.expires_at.is_(None), KvEntry.expires_at > func.clock_timestamp())
