from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from picloud.crypto import KeyFileError, MasterKey, UnsealError, create_master_key, load_master_key
from picloud.domain.errors import Unavailable
from picloud.models import KnownMasterKey

SEALING_LOCK = 0x7069_6B65
"""Advisory lock: shared by transactions that seal a value, exclusive for the end of a rotation."""


class MasterKeyService:
    """Holds the master key's file against what the database was sealed under."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def open(self, path: Path) -> MasterKey:
        """The keys in `path`; a new one when nothing was sealed yet and the file isn't there. Raises KeyFileError."""
        known = set(self._session.scalars(select(KnownMasterKey.key_id)))
        if not known and not path.exists():
            _create(path)
        if not path.exists():
            raise KeyFileError(
                f"There is no master key at {path}, but the database was sealed under {_listed(known)}."
                " Put the key there, from your backup."
            )
        key = load_master_key(path)
        if not known:
            self._session.add(KnownMasterKey(key_id=key.key_id))
        elif missing := known - key.key_ids:
            raise KeyFileError(
                f"The database was sealed under the master key {_listed(missing)}, but {path} holds"
                f" {_listed(key.key_ids)}. Put the right key there, from your backup."
            )
        return key


def seal(session: Session, master_key: MasterKey, value: bytes, *, bound_to: str) -> bytes:
    """`value` under the key that seals at present: the newest that the database knows. Raises Unavailable."""
    session.execute(select(func.pg_advisory_xact_lock_shared(SEALING_LOCK)))
    newest = select(KnownMasterKey.key_id).order_by(KnownMasterKey.created_at.desc()).limit(1)
    try:
        return master_key.seal(value, bound_to=bound_to, key_id=session.scalars(newest).one_or_none())
    except UnsealError:
        raise Unavailable("The new master key is not on this machine yet.", code="secret_unreadable") from None


def _listed(key_ids: set[bytes] | frozenset[bytes]) -> str:
    return ", ".join(sorted(key_id.hex() for key_id in key_ids))


def _create(path: Path) -> None:
    try:
        create_master_key(path)
    except OSError as error:
        raise KeyFileError(f"No master key can be made at {path}: {error.strerror}.") from error
