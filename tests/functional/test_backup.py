"""A backup made while PiCloud serves, and what brings it back: everything committed before it, or nothing."""

import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import NullPool, create_engine, text

from picloud.postgres import Cluster, find_bindir
from picloud.services.backup.file import extract_dump, read_manifest, write
from tests.functional.client import eventually
from tests.functional.serving import Serving

pytestmark = pytest.mark.xdist_group("backup")

READS_SECRET = "def handler(ctx):\n    return ctx.secrets['TOKEN']\n"
LATER = "def handler(ctx):\n    ctx.queue('jobs').send(ctx.event.http.query['n'], delay_s=3600)\n"
STORE = "/apps/box/kv/notes"


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    server = Serving(tmp_path_factory.mktemp("source"))
    try:
        server.start_and_wait()
        owner = server.owner
        owner.post("/apps", {"slug": "box", "name": "Box"})
        owner.script("box", "tell", READS_SECRET)
        owner.route("box", "GET", "/tell", "tell")
        owner.script("box", "later", LATER)
        owner.route("box", "GET", "/later", "later")
        owner.post("/apps/box/triggers/queue", {"script": "tell", "queue": "jobs"})
        owner.put("/apps/box/secrets/TOKEN", {"value": "opens-only-with-the-key"})
        yield server
    finally:
        server.end()


@pytest.fixture(scope="module")
def backup(source: Serving, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """The file, and how many notes and messages were acknowledged before it was begun. Writes go on all the while."""
    written, over = 0, threading.Event()

    def write() -> None:
        nonlocal written
        while not over.is_set():
            source.owner.put(f"{STORE}/{written}", {"value": written})
            assert source.request(f"/run/box/later?n={written}").status_int == 204
            written += 1

    writer = threading.Thread(target=write)
    writer.start()
    eventually(lambda: written >= 50)
    before = written
    folder = tmp_path_factory.mktemp("written")
    source.cli("backup", "--to", str(folder))
    over.set()
    writer.join()
    [file] = folder.iterdir()
    return file, before


@pytest.fixture
def wiped(tmp_path: Path, source: Serving) -> Iterator[Serving]:
    """Another box: nothing there but the master key."""
    server = Serving(tmp_path)
    server.data_dir.mkdir(mode=0o700)
    shutil.copy(source.data_dir / "master.key", server.data_dir / "master.key")
    yield server
    server.end()


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16k", "none", folder]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", folder], check=True)


def databases(server: Serving) -> list[str]:
    with Cluster(server.data_dir, bindir=find_bindir(os.environ)).opened() as url:
        engine = create_engine(url, poolclass=NullPool)
        with engine.connect() as connection:
            return list(connection.execute(text("SELECT datname FROM pg_database ORDER BY 1")).scalars())


def test_everything_committed_before_it_is_there_again(
    backup: tuple[Path, int], source: Serving, wiped: Serving
) -> None:
    file, acknowledged = backup
    assert "Restored" in wiped.cli("restore", str(file))
    wiped.start_and_wait()
    wiped.__dict__["key"] = source.key
    assert wiped.request("/run/box/tell").text == "opens-only-with-the-key"
    for number in range(acknowledged):
        assert wiped.owner.get(f"{STORE}/{number}")["value"] == number
    missing = {str(n) for n in range(acknowledged)}
    for item in reversed(wiped.owner.all("/apps/box/deliveries")):  # the oldest first
        if missing:
            missing.discard(wiped.owner.get(f"/apps/box/deliveries/{item['id']}")["event"]["queue"]["payload"])
    assert not missing


def test_it_is_verified_beside_the_serving_database(backup: tuple[Path, int], source: Serving) -> None:
    assert "Verified" in source.cli("restore", str(backup[0]), "--verify-only")


def test_a_serving_database_is_not_replaced(backup: tuple[Path, int], source: Serving) -> None:
    refused = source.run("restore", str(backup[0]), "--replace")
    assert refused.returncode == 1
    assert "Stop it first" in refused.stderr


def test_a_wrong_key_is_told_before_anything_is_made(backup: tuple[Path, int], wiped: Serving) -> None:
    (wiped.data_dir / "master.key").unlink()
    missing = wiped.run("restore", str(backup[0]))
    (wiped.data_dir / "master.key").write_text("A" * 43 + "=\n")
    wrong = wiped.run("restore", str(backup[0]))
    assert "There is no master key" in missing.stderr
    assert "Nothing was changed" in wrong.stderr
    assert [path.name for path in wiped.data_dir.iterdir()] == ["master.key"]


def test_a_wrong_key_replaces_nothing(backup: tuple[Path, int], source: Serving, wiped: Serving) -> None:
    wiped.cli("restore", str(backup[0]))
    key_file, before = wiped.data_dir / "master.key", databases(wiped)
    right = key_file.read_bytes()
    key_file.write_text("A" * 43 + "=\n")
    for options in ("--replace", "--verify-only"):
        assert "Nothing was changed" in wiped.run("restore", str(backup[0]), options).stderr
    key_file.write_bytes(right)
    assert databases(wiped) == before
    wiped.start_and_wait()
    wiped.__dict__["key"] = source.key
    assert wiped.request("/run/box/tell").text == "opens-only-with-the-key"


def test_what_differs_from_its_count_is_refused_and_not_left(
    backup: tuple[Path, int], source: Serving, wiped: Serving, tmp_path: Path
) -> None:
    """As a dump would that has lost rows: here it is the count that is changed."""
    manifest = read_manifest(backup[0])
    extract_dump(backup[0], manifest, tmp_path / "dump")
    tables = manifest.tables | {"kv_entries": manifest.tables["kv_entries"] + 1}
    altered = tmp_path / "altered.picloud-backup"
    write(altered, msgspec.structs.replace(manifest, tables=tables), tmp_path / "dump")
    before = databases(source)
    for server, options in ((source, ["--verify-only"]), (wiped, [])):
        refused = server.run("restore", str(altered), *options)
        assert refused.returncode == 1
        assert "kv_entries" in refused.stderr
        assert "Nothing was changed" in refused.stderr
    assert databases(source) == before
    assert not [name for name in databases(wiped) if name.startswith("picloud_")]


def test_on_a_disk_without_room_no_half_a_backup_is_left(source: Serving, tiny_disk: Path) -> None:
    refused = source.run("backup", "--to", str(tiny_disk))
    assert refused.returncode == 1
    assert "No space left on device" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    assert list(tiny_disk.iterdir()) == []


def test_content_is_replaced_only_when_told_and_then_kept_beside(backup: tuple[Path, int], wiped: Serving) -> None:
    wiped.cli("restore", str(backup[0]))
    refused = wiped.run("restore", str(backup[0]))
    assert refused.returncode == 1
    assert "--replace" in refused.stderr
    assert "Restored" in wiped.cli("restore", str(backup[0]), "--replace")


@pytest.mark.parametrize("at", [0.5, 0.99])
def test_a_damaged_file_is_refused(at: float, backup: tuple[Path, int], wiped: Serving, tmp_path: Path) -> None:
    content = bytearray(backup[0].read_bytes())
    dump_end = len(content.rstrip(b"\0"))
    content[int(dump_end * at)] ^= 0xFF
    damaged = tmp_path / "damaged.picloud-backup"
    damaged.write_bytes(content)
    refused = wiped.run("restore", str(damaged))
    assert refused.returncode == 1
    assert "damaged" in refused.stderr


def test_what_is_no_backup_is_told(wiped: Serving, tmp_path: Path) -> None:
    (tmp_path / "letter").write_text("Dear Sir")
    assert "is no backup of PiCloud" in wiped.run("restore", str(tmp_path / "letter")).stderr
    assert "can't be read" in wiped.run("restore", str(tmp_path / "nowhere")).stderr


def test_an_empty_folder_makes_no_empty_backup(tmp_path: Path) -> None:
    refused = Serving(tmp_path).run("backup")
    assert refused.returncode == 1
    assert "There is no PiCloud in" in refused.stderr


def test_the_oldest_are_removed(source: Serving, tmp_path: Path) -> None:
    for name in ("20200101T000000Z", "20210101T000000Z"):
        (tmp_path / f"{name}.picloud-backup").touch()
    source.cli("backup", "--to", str(tmp_path), "--keep", "2")
    kept = sorted(path.name for path in tmp_path.iterdir())
    assert len(kept) == 2
    assert kept[0] == "20210101T000000Z.picloud-backup"
