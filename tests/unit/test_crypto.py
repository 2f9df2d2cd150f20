import stat
from pathlib import Path

import pytest

from picloud.crypto import (
    KeyFileError,
    MasterKey,
    UnsealError,
    create_master_key,
    hash_password,
    load_master_key,
    new_signing_secret,
    new_token,
    token_hash,
)


def test_what_is_sealed_opens_again_and_only_where_it_belongs() -> None:
    key, other = MasterKey(b"k" * 32), MasterKey(b"o" * 32)
    sealed = key.seal(b"a secret", bound_to="row:1")
    assert b"a secret" not in sealed
    assert key.unseal(sealed, bound_to="row:1") == b"a secret"
    with pytest.raises(UnsealError):
        key.unseal(sealed, bound_to="row:2")
    with pytest.raises(UnsealError, match="another master key"):
        other.unseal(sealed, bound_to="row:1")


@pytest.mark.parametrize("damage", [b"", b"\x01", b"\x02" + b"x" * 60])
def test_damage_is_found(damage: bytes) -> None:
    with pytest.raises(UnsealError):
        MasterKey(b"k" * 32).unseal(damage, bound_to="row:1")


def test_every_flipped_byte_is_found() -> None:
    key = MasterKey(b"k" * 32)
    sealed = key.seal(b"v", bound_to="row:1")
    for index in range(len(sealed)):
        broken = bytearray(sealed)
        broken[index] ^= 1
        with pytest.raises(UnsealError):
            key.unseal(bytes(broken), bound_to="row:1")


def test_the_key_s_file(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "master.key"
    create_master_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o400
    key = load_master_key(path)
    assert key.unseal(load_master_key(path).seal(b"v", bound_to="x"), bound_to="x") == b"v"
    with pytest.raises(FileExistsError):
        create_master_key(path)


@pytest.mark.parametrize("content", [b"", b"short", b"!" * 44, b"QUJD"])
def test_a_bad_key_file_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "master.key"
    path.write_bytes(content)
    with pytest.raises(KeyFileError, match=str(path)):
        load_master_key(path)
    with pytest.raises(KeyFileError, match="missing"):
        load_master_key(tmp_path / "missing")


def test_keys_never_show() -> None:
    key = MasterKey(b"k" * 32)
    assert "k" * 8 not in repr(key)
    assert key.fingerprint in repr(key)


def test_tokens_are_random_and_hashed() -> None:
    one, two = new_token("pic_"), new_token("pic_")
    assert one != two
    assert one.startswith("pic_")
    assert token_hash(one) != token_hash(two)
    assert one.encode() not in token_hash(one)
    assert new_signing_secret().startswith("whsec_")


def test_passwords_are_argon2id() -> None:
    assert hash_password("a password").startswith("$argon2id$")
    assert hash_password("a password") != hash_password("a password")
