import stat
from pathlib import Path

import pytest

from picloud import crypto
from picloud.crypto import (
    KeyFileError,
    MasterKey,
    UnsealError,
    create_master_key,
    hash_password,
    load_master_key,
    new_key,
    new_signing_secret,
    new_token,
    password_matches,
    read_keys,
    replace_keys,
    token_hash,
)
from picloud.domain.errors import Unavailable


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


def test_keys_are_replaced_at_once_and_learnt_while_running(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    create_master_key(path)
    path.chmod(0o440)
    [old], new = read_keys(path), new_key()
    running = load_master_key(path)
    later = MasterKey(new).seal(b"v", bound_to="x")
    with pytest.raises(UnsealError):
        running.unseal(later, bound_to="x")
    replace_keys(path, [old, new])
    assert running.unseal(later, bound_to="x") == b"v"
    assert stat.S_IMODE(path.stat().st_mode) == 0o440
    assert list(tmp_path.iterdir()) == [path]


def test_passwords_are_hashed_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second one waits, and when it waits too long it is our own trouble."""
    monkeypatch.setattr(crypto, "PASSWORD_WAIT_S", 0.01)
    with crypto._turn(), pytest.raises(Unavailable) as caught:
        password_matches("a password", None)
    assert caught.value.retry_after_s


def test_no_account_costs_what_an_account_costs() -> None:
    """The hash that stands for no account has the present parameters, and no password."""
    present = hash_password("a password").split("$")[:4]
    assert crypto._NOBODY.decode().split("$")[:4] == present
    assert password_matches("a password", None) is False
    assert password_matches("a password", hash_password("a password")) is True
    assert password_matches("another one", hash_password("a password")) is False


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
