from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from picloud.crypto import KeyFileError, MasterKey, create_master_key, load_master_key
from picloud.models import KnownMasterKey


class MasterKeyService:
    """Holds the master key's file against what the database was sealed under."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def open(self, path: Path) -> MasterKey:
        """The key in `path`, made when nothing was sealed yet and the file isn't there. Raises KeyFileError."""
        known = set(self._session.scalars(select(KnownMasterKey.key_id)))
        if not known and not path.exists():
            _create(path)
        key = load_master_key(path)
        if not known:
            self._session.add(KnownMasterKey(key_id=key.key_id))
        elif key.key_id not in known:
            sealed = ", ".join(sorted(key_id.hex() for key_id in known))
            raise KeyFileError(
                f"The database was sealed under the master key {sealed}, but {path} holds {key.fingerprint}."
                " Put the right key there, from your backup."
            )
        return key


def _create(path: Path) -> None:
    try:
        create_master_key(path)
    except OSError as error:
        raise KeyFileError(f"No master key can be made at {path}: {error.strerror}.") from error
