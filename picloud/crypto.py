"""Sealing under the master key, password hashes, random tokens and their hashes. All of it PyNaCl."""

import base64
import binascii
import hmac
import os
import stat
from pathlib import Path
from threading import Lock

from nacl import encoding, exceptions, hash, pwhash, secret, utils

_FORMAT = b"\x01"
_KEY_ID_BYTES = 8


class KeyFileError(Exception):
    """The master key's file can't be used. The text says which file and what to do."""


class UnsealError(Exception):
    """A sealed value does not open: sealed under another key, for another row, or damaged."""


class MasterKey:
    """Seals values with XChaCha20-Poly1305. A sealed value is `format (1) | key id (8) | nonce (24) | ciphertext`."""

    def __init__(self, key: bytes) -> None:
        self._box = secret.Aead(key)
        self.key_id: bytes = hash.blake2b(
            key, digest_size=_KEY_ID_BYTES, person=b"picloud-key-id", encoder=encoding.RawEncoder
        )

    def __repr__(self) -> str:
        return f"MasterKey({self.fingerprint})"

    @property
    def fingerprint(self) -> str:
        """What people compare; tells nothing of the key."""
        return self.key_id.hex()

    def seal(self, value: bytes, *, bound_to: str) -> bytes:
        """`value`, readable again only with this key and the same `bound_to` (such as `inbound_secret:<id>`)."""
        return _FORMAT + self.key_id + bytes(self._box.encrypt(value, bound_to.encode()))

    def unseal(self, sealed: bytes, *, bound_to: str) -> bytes:
        """The value sealed. Raises UnsealError."""
        header = 1 + _KEY_ID_BYTES
        if sealed[:1] != _FORMAT or sealed[1:header] != self.key_id:
            raise UnsealError("sealed under another master key")
        try:
            return bytes(self._box.decrypt(sealed[header:], bound_to.encode()))
        except (exceptions.CryptoError, ValueError) as error:
            raise UnsealError("the sealed value does not open here") from error


def load_master_key(path: Path) -> MasterKey:
    """The key in `path`: 32 bytes in base64. Raises KeyFileError."""
    try:
        key = base64.b64decode(path.read_bytes().strip(), validate=True)
    except OSError as error:
        raise KeyFileError(f"The master key {path} can't be read: {error.strerror}.") from error
    except binascii.Error:
        key = b""
    if len(key) != secret.Aead.KEY_SIZE:
        raise KeyFileError(f"The master key {path} has to be 32 bytes in base64. Restore it from your backup.")
    return MasterKey(key)


def create_master_key(path: Path) -> None:
    """Write a new key to `path`, readable by its owner alone. Never overwrites: raises FileExistsError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, stat.S_IRUSR)
    with os.fdopen(descriptor, "wb") as file:
        file.write(base64.b64encode(utils.random(secret.Aead.KEY_SIZE)) + b"\n")
        file.flush()
        os.fsync(file.fileno())


def new_token(prefix: str) -> str:
    """`prefix` and 256 random bits, in URL-safe base64 without padding."""
    return prefix + base64.urlsafe_b64encode(utils.random(32)).rstrip(b"=").decode()


def token_hash(token: str) -> bytes:
    """What the database keeps of a token. The token is random, so a plain hash resists guessing."""
    return bytes(hash.blake2b(token.encode(), digest_size=32, person=b"picloud-token", encoder=encoding.RawEncoder))


def new_signing_secret() -> str:
    """A Standard Webhooks secret: `whsec_` and 32 bytes in base64."""
    return "whsec_" + base64.b64encode(utils.random(32)).decode()


def same(left: bytes, right: bytes) -> bool:
    """Equality in constant time."""
    return hmac.compare_digest(left, right)


# 64 MiB each: two at once would hurt a 512 MB box.
_password_lock = Lock()


def hash_password(password: str) -> str:
    """An argon2id string (64 MiB, 2 passes: libsodium's interactive limits)."""
    with _password_lock:
        return pwhash.argon2id.str(
            password.encode(), pwhash.argon2id.OPSLIMIT_INTERACTIVE, pwhash.argon2id.MEMLIMIT_INTERACTIVE
        ).decode()
