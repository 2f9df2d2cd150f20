"""Where the PostgreSQL programs are looked for."""

from pathlib import Path

import pytest

from picloud.postgres import binaries
from picloud.postgres.binaries import find_bindir, major_version
from picloud.postgres.errors import PostgresError


def make_bindir(folder: Path, version: str = "postgres (PostgreSQL) 16.4 (Debian 16.4-1)") -> Path:
    folder.mkdir(parents=True)
    for name in ("postgres", "initdb"):
        (folder / name).write_text(f"#!/bin/sh\necho '{version}'\n")
        (folder / name).chmod(0o755)
    return folder


def test_the_environment_comes_first(tmp_path: Path) -> None:
    bindir = make_bindir(tmp_path / "mine")
    assert find_bindir({"PICLOUD_PG_BINDIR": str(bindir)}) == bindir


def test_a_wrong_folder_in_the_environment_is_named(tmp_path: Path) -> None:
    with pytest.raises(PostgresError, match=f"PICLOUD_PG_BINDIR is {tmp_path}"):
        find_bindir({"PICLOUD_PG_BINDIR": str(tmp_path)})


def test_the_newest_system_version_is_taken_by_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for major in ("9", "15", "17"):
        make_bindir(tmp_path / major / "bin")
    (tmp_path / "18" / "bin").mkdir(parents=True)  # a client without a server
    monkeypatch.setattr(binaries, "find_spec", lambda name: None)
    monkeypatch.setattr(binaries, "SYSTEM_ROOT", tmp_path)
    assert find_bindir({}) == tmp_path / "17" / "bin"


def test_without_any_the_message_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries, "find_spec", lambda name: None)
    monkeypatch.setattr(binaries, "SYSTEM_ROOT", tmp_path)
    with pytest.raises(PostgresError, match=r"pip install.*apt install.*PICLOUD_DATABASE_URL"):
        find_bindir({})


def test_the_major_version_is_read_from_the_program(tmp_path: Path) -> None:
    assert major_version(make_bindir(tmp_path / "bin")) == 16


def test_a_program_for_another_machine_is_named(tmp_path: Path) -> None:
    bindir = make_bindir(tmp_path / "bin")
    (bindir / "postgres").write_bytes(b"\x7fELF\x02\x01\x01 of another machine")
    with pytest.raises(PostgresError, match=f"{bindir}/postgres doesn't run on this machine"):
        major_version(bindir)
