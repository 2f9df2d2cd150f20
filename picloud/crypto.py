"""Sealing under the master key, password hashes, random tokens and their hashes. All of it PyNaCl."""

import base64
import binascii
import hmac
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from nacl import encoding, exceptions, hash, pwhash, secret, utils

from picloud.domain.errors import Unavailable

_FORMAT = b"\x01"
_KEY_ID_BYTES = 8


class KeyFileError(Exception):
    """The master key's file can't be used. The text says which file and what to do."""


class UnsealError(Exception):
    """A sealed value does not open: sealed under another key, for another row, or damaged."""


class MasterKey:
    """Seals values with XChaCha20-Poly1305. A sealed value is `format (1) | key id (8) | nonce (24) | ciphertext`.

    It holds several keys while they are rotated. `path`: their file, read again for a value under an unknown key, so that
    a process that serves learns a key that was made meanwhile.
    """

    def __init__(self, *keys: bytes, path: Path | None = None) -> None:
        self._path = path
        self._boxes = {key_id_of(key): secret.Aead(key) for key in keys}
        self.key_id: bytes = key_id_of(keys[0])

    def __repr__(self) -> str:
        return f"MasterKey({self.fingerprint})"

    @property
    def fingerprint(self) -> str:
        """What people compare; tells nothing of the key."""
        return self.key_id.hex()

    @property
    def key_ids(self) -> frozenset[bytes]:
        return frozenset(self._boxes)

    def seal(self, value: bytes, *, bound_to: str, key_id: bytes | None = None) -> bytes:
        """`value`, readable again only with the same key and the same `bound_to` (such as `inbound_secret:<id>`).

        Raises UnsealError for the id of a key that isn't here.
        """
        key_id = key_id or self.key_id
        return _FORMAT + key_id + bytes(self._box(key_id).encrypt(value, bound_to.encode()))

    def unseal(self, sealed: bytes, *, bound_to: str) -> bytes:
        """The value sealed. Raises UnsealError."""
        header = 1 + _KEY_ID_BYTES
        if sealed[:1] != _FORMAT:
            raise UnsealError("not a sealed value")
        try:
            return bytes(self._box(sealed[1:header]).decrypt(sealed[header:], bound_to.encode()))
        except (exceptions.CryptoError, ValueError) as error:
            raise UnsealError("the sealed value does not open here") from error

    def _box(self, key_id: bytes) -> secret.Aead:
        if key_id not in self._boxes and self._path is not None:
            try:
                self._boxes = {key_id_of(key): secret.Aead(key) for key in read_keys(self._path)} | self._boxes
            except KeyFileError as error:
                raise UnsealError(str(error)) from error
        if key_id not in self._boxes:
            raise UnsealError("sealed under another master key")
        return self._boxes[key_id]


def key_id_of(key: bytes) -> bytes:
    return bytes(hash.blake2b(key, digest_size=_KEY_ID_BYTES, person=b"picloud-key-id", encoder=encoding.RawEncoder))


def read_keys(path: Path) -> list[bytes]:
    """The keys in `path`, one a line: 32 bytes in base64. Raises KeyFileError."""
    try:
        lines = path.read_bytes().split()
        keys = [base64.b64decode(line, validate=True) for line in lines]
    except OSError as error:
        raise KeyFileError(f"The master key {path} can't be read: {error.strerror}.") from error
    except binascii.Error:
        keys = []
    if not keys or any(len(key) != secret.Aead.KEY_SIZE for key in keys):
        raise KeyFileError(f"The master key {path} has to be 32 bytes in base64. Restore it from your backup.")
    return keys


def load_master_key(path: Path) -> MasterKey:
    """The keys in `path`, of which the first seals. Raises KeyFileError."""
    return MasterKey(*read_keys(path), path=path)


def create_master_key(path: Path) -> None:
    """Write a new key to `path`, readable by its owner alone. Never overwrites: raises FileExistsError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _write_keys(path, [new_key()])


def replace_keys(path: Path, keys: Sequence[bytes], *, like: Path | None = None) -> None:
    """Put `keys` in the file's place: a reader finds the old content or the new. A new file has owner and mode of `like`.

    Raises OSError.
    """
    owner = (like or path).stat()
    beside = path.with_name(f".{path.name}.new")
    beside.unlink(missing_ok=True)
    _write_keys(beside, keys)
    os.chown(beside, owner.st_uid, owner.st_gid)
    os.chmod(beside, stat.S_IMODE(owner.st_mode))
    beside.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def new_key() -> bytes:
    return random_bytes(secret.Aead.KEY_SIZE)


def _write_keys(path: Path, keys: Sequence[bytes]) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, stat.S_IRUSR)
    with os.fdopen(descriptor, "wb") as file:
        file.writelines(base64.b64encode(key) + b"\n" for key in keys)
        file.flush()
        os.fsync(file.fileno())


def random_bytes(size: int) -> bytes:
    return bytes(utils.random(size))


def new_token(prefix: str) -> str:
    """`prefix` and 256 random bits, in URL-safe base64 without padding."""
    return prefix + base64.urlsafe_b64encode(random_bytes(32)).rstrip(b"=").decode()


def token_hash(token: str) -> bytes:
    """What the database keeps of a token. The token is random, so a plain hash resists guessing."""
    return bytes(hash.blake2b(token.encode(), digest_size=32, person=b"picloud-token", encoder=encoding.RawEncoder))


def csrf_token(token: str) -> str:
    """What a page sends along to show that it can read what we answered; it follows from the session's token."""
    return hash.blake2b(
        token.encode(), digest_size=32, person=b"picloud-csrf", encoder=encoding.URLSafeBase64Encoder
    ).decode()


def new_signing_secret() -> str:
    """A Standard Webhooks secret: `whsec_` and 32 bytes in base64."""
    return "whsec_" + base64.b64encode(random_bytes(32)).decode()


def same(left: bytes, right: bytes) -> bool:
    """Equality in constant time."""
    return hmac.compare_digest(left, right)


PASSWORD_PASSES = 3
PASSWORD_MEMORY_BYTES = 32 * 1024 * 1024
"""argon2id's cost. More than the least that OWASP names (19 MiB, 2 passes; Password Storage Cheat Sheet), and a
fifteenth of a 512 MB box."""
PASSWORD_WAIT_S = 5.0
"""How long a request waits for its turn: only one password is hashed at a time in a process."""

_NOBODY = b"$argon2id$v=19$m=32768,t=3,p=1$77GLqO3OncgwV4ANZbDSSA$yqV3A4f0Q68kwzVKLnF+vVdvRHRuq4OEV6E45W7S2b4"
"""Held against the password where there is no account, so that this takes as long."""

_password_turn = Lock()


@contextmanager
def _turn() -> Iterator[None]:
    if not _password_turn.acquire(timeout=PASSWORD_WAIT_S):
        raise Unavailable("Too many people sign in at this moment.", retry_after_s=2, code="passwords_busy")
    try:
        yield
    finally:
        _password_turn.release()


def hash_password(password: str) -> str:
    """An argon2id string. Raises Unavailable when others take too long."""
    with _turn():
        return pwhash.argon2id.str(password.encode(), PASSWORD_PASSES, PASSWORD_MEMORY_BYTES).decode()


def password_matches(password: str, stored: str | None) -> bool:
    """Whether `stored` is a hash of `password`. No hash takes as long as a wrong one. Raises Unavailable as above."""
    with _turn():
        try:
            matches = pwhash.verify(stored.encode() if stored else _NOBODY, password.encode())
        except exceptions.InvalidkeyError:
            return False
    return matches and stored is not None
