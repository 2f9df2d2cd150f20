"""A new master key in the place of the old, while PiCloud serves. Each step may be the last one for now: the next call
goes on from there.

1. The key file gets the new key beside the old. Whoever meets a value under a key that it doesn't know reads it again.
2. The database learns the new key: from now on new values are sealed under it.
3. All values are sealed anew, in batches.
4. With no sealing under way, and nothing left under the old key, the database forgets that; then so does the file.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Engine, func, select
from sqlalchemy.orm import Session

from picloud.crypto import KeyFileError, MasterKey, key_id_of, load_master_key, new_key, read_keys, replace_keys
from picloud.domain.audit import Action, Actor
from picloud.models import KnownMasterKey
from picloud.services.audit import AuditService
from picloud.services.instance.sealed_values import SEALED_COLUMNS, SealedColumn
from picloud.services.keyring.master_keys import SEALING_LOCK, MasterKeyService

BATCH = 100
ROTATION_LOCK = 0x7069_726F
_ID_FROM, _ID_BYTES = 2, 8
"""Where a sealed value has its key's id, as SQL counts."""


@dataclass(frozen=True, slots=True)
class Rotated:
    """What was done. `values`: how many this call sealed anew. `retired`: the file with the old key."""

    old: str
    new: str
    values: int
    retired: Path


class MasterKeyRotation:
    """`path`: the key file, which has to be writable. `progress` hears after each batch how many values are done."""

    def __init__(self, engine: Engine, path: Path, actor: Actor, progress: Callable[[int], None]) -> None:
        self._engine = engine
        self._path = path
        self._actor = actor
        self._progress = progress

    def prepare(self) -> MasterKey:
        """Step 1 alone: both keys, the old one first. Raises KeyFileError, OSError."""
        with Session(self._engine) as session, session.begin():
            MasterKeyService(session).open(self._path)
        keys = read_keys(self._path)
        if len(keys) == 1:
            keys.append(new_key())
            replace_keys(self._path, keys)
        if len(keys) != 2:
            raise KeyFileError(f"{self._path} holds {len(keys)} keys, but a rotation knows an old one and a new one.")
        return load_master_key(self._path)

    def run(self) -> Rotated:
        """All steps. Raises KeyFileError also where another rotation is under way, UnsealError, OSError."""
        with self._alone():
            both = self.prepare()
            old = both.key_id
            [new] = both.key_ids - {old}
            self._announce(new)
            values = sum(self._reseal(column, both, new) for column in SEALED_COLUMNS)
            values += self._finish(both, old, new)
            return Rotated(old.hex(), new.hex(), values, self._retire(old))

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with self._engine.connect() as connection:
            if not connection.execute(select(func.pg_try_advisory_lock(ROTATION_LOCK))).scalar_one():
                raise KeyFileError("Another rotation is under way.")
            connection.commit()
            try:
                yield
            finally:
                connection.execute(select(func.pg_advisory_unlock(ROTATION_LOCK)))

    def _announce(self, new: bytes) -> None:
        with Session(self._engine) as session, session.begin():
            session.execute(select(func.pg_advisory_xact_lock(SEALING_LOCK)))
            if session.get(KnownMasterKey, new) is None:
                session.add(KnownMasterKey(key_id=new, created_at=func.clock_timestamp()))

    def _reseal(self, column: SealedColumn, both: MasterKey, new: bytes) -> int:
        done = 0
        while True:
            with Session(self._engine) as session, session.begin():
                count = _reseal_batch(session, column, both, new)
            if not count:
                return done
            done += count
            self._progress(count)

    def _finish(self, both: MasterKey, old: bytes, new: bytes) -> int:
        """Nobody seals meanwhile, so what is found here is all there can be."""
        with Session(self._engine) as session, session.begin():
            session.execute(select(func.pg_advisory_xact_lock(SEALING_LOCK)))
            done = 0
            for column in SEALED_COLUMNS:
                while count := _reseal_batch(session, column, both, new):
                    done += count
            if (known := session.get(KnownMasterKey, old)) is not None:
                session.delete(known)
                before, after = {"fingerprint": old.hex()}, {"fingerprint": new.hex()}
                AuditService(session).record(
                    self._actor, Action.MASTER_KEY_ROTATE, "master key", before=before, after=after
                )
            return done

    def _retire(self, old: bytes) -> Path:
        """The old key into a file of its own, for backups made with it; then out of the key file."""
        keys = read_keys(self._path)
        retired = self._path.with_name(f"{self._path.name}.{old.hex()}")
        replace_keys(retired, [key for key in keys if key_id_of(key) == old], like=self._path)
        replace_keys(self._path, [key for key in keys if key_id_of(key) != old])
        return retired


def _reseal_batch(session: Session, column: SealedColumn, both: MasterKey, new: bytes) -> int:
    """Up to BATCH values that are under another key. Rows are locked, so a change at the same time waits or wins."""
    table = column.table
    under: ColumnElement[Any] = func.substring(table.sealed, _ID_FROM, _ID_BYTES)
    rows = session.scalars(
        select(table).where(under != new).order_by(getattr(table, column.key)).limit(BATCH).with_for_update()
    ).all()
    for row in rows:
        value = both.unseal(row.sealed, bound_to=column.bound_to(row))
        row.sealed = both.seal(value, bound_to=column.bound_to(row), key_id=new)
    session.flush()
    return len(rows)
