"""/etc/picloud/picloud.env as the commands read it: as systemd does."""

from pathlib import Path

import pytest

from picloud.box import environment
from picloud.box.step import BoxError


def test_it_is_read_as_systemd_reads_it(tmp_path: Path) -> None:
    file = tmp_path / "picloud.env"
    file.write_text('# a word\n;another=one\nA=1\n B = two words \nC="quoted"\nD=\'x=y\'\nE="\nnothing\n')
    assert environment.read(file) == {"A": "1", "B": "two words", "C": "quoted", "D": "x=y", "E": '"'}


def test_what_cannot_be_read_holds_nothing(tmp_path: Path) -> None:
    assert environment.read(tmp_path / "missing") == {}


def test_what_is_no_text_is_told_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "picloud.env"
    file.write_bytes(b"A=1\nB=\xff\n")
    with pytest.raises(BoxError, match=rf"Line 2 of {file} is no text in UTF-8"):
        environment.read(file)
