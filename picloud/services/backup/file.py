"""The file of a backup: a tar of `manifest.json` and `database.dump` (pg_dump's custom format). Never the master key."""

import hashlib
import io
import os
import tarfile
from datetime import datetime
from pathlib import Path

import msgspec

FORMAT = 1
MANIFEST_NAME, DUMP_NAME = "manifest.json", "database.dump"
MANIFEST_MAX_BYTES = 1024 * 1024
_CHUNK_BYTES = 1024 * 1024


class BackupError(Exception):
    """A backup can't be made, read or brought back. The text names the file, the cause and what to do."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What the dump holds. `key_ids`: fingerprints of the master keys that its secrets are sealed under; `tables`: rows
    of each table; `revision`: the schema's."""

    format: int
    picloud: str
    created_at: datetime
    revision: str
    server_major: int
    key_ids: list[str]
    tables: dict[str, int]
    dump_sha256: str
    dump_bytes: int


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write(target: Path, manifest: Manifest, dump: Path) -> None:
    """One file, readable by its owner alone, there whole or not at all."""
    part = target.with_name(f".{target.name}.part")
    encoded = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            with tarfile.open(fileobj=file, mode="w") as tar:
                head = tarfile.TarInfo(MANIFEST_NAME)
                head.size, head.mode = len(encoded), 0o600
                tar.addfile(head, io.BytesIO(encoded))
                tar.add(dump, DUMP_NAME, filter=_anonymous)
            file.flush()
            os.fsync(file.fileno())
        part.rename(target)
        _sync_folder(target.parent)
    finally:
        part.unlink(missing_ok=True)


def read_manifest(path: Path) -> Manifest:
    """Raises BackupError."""
    try:
        with tarfile.open(path, "r:") as tar:
            member = tar.next()
            file = tar.extractfile(member) if member and member.name == MANIFEST_NAME else None
            if file is None:
                raise BackupError(f"{path} is no backup of PiCloud.")
            manifest = msgspec.json.decode(file.read(MANIFEST_MAX_BYTES), type=Manifest)
    except OSError as error:
        raise BackupError(f"{path} can't be read: {error.strerror or error}.") from error
    except (tarfile.TarError, msgspec.MsgspecError) as error:
        raise BackupError(f"{path} is no backup of PiCloud, or it is damaged: {error}.") from error
    if manifest.format != FORMAT:
        raise BackupError(f"{path} has the format {manifest.format}; this PiCloud reads {FORMAT}. Use a newer PiCloud.")
    return manifest


def extract_dump(path: Path, manifest: Manifest, target: Path) -> None:
    """Write the dump to `target` and hold it against the manifest. Raises BackupError."""
    try:
        with tarfile.open(path, "r:") as tar, target.open("wb") as out:
            file = tar.extractfile(DUMP_NAME)
            while file and (chunk := file.read(_CHUNK_BYTES)):
                out.write(chunk)
    except (tarfile.TarError, KeyError, OSError) as error:
        raise BackupError(f"{path} is damaged: {error}. Take another backup.") from error
    if target.stat().st_size != manifest.dump_bytes or sha256(target) != manifest.dump_sha256:
        raise BackupError(f"{path} is damaged: its dump is not the one that was written. Take another backup.")


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mode = 0o600
    return member


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
