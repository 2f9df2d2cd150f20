"""What people install: a wheel, built from the sdist on a machine without Node, has every file of the tree."""

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BUILD_SDIST = "import sys; from setuptools import build_meta; build_meta.build_sdist(sys.argv[1])"
pytestmark = [pytest.mark.package, pytest.mark.timeout(600)]


def run(*command: str, cwd: Path, path: Path) -> None:
    """`path`: where the build's own requirements are. No program but Python's is found."""
    environ = os.environ | {"PYTHONPATH": str(path), "PATH": str(Path(sys.executable).parent)}
    done = subprocess.run(command, cwd=cwd, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what is under version control, as it stands."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("needs a checkout")
    listed = subprocess.run([git, "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    tree = tmp_path_factory.mktemp("tree")
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, tree / name)
    return tree


@pytest.fixture(scope="module")
def sdist(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Unpacked; and where the build's requirements are."""
    requirements, built = tmp_path_factory.mktemp("requirements"), tmp_path_factory.mktemp("sdist")
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(requirements), *wanted]
    subprocess.run(pip, check=True)
    run(sys.executable, "-c", BUILD_SDIST, str(built), cwd=tree, path=requirements)
    [packed] = built.glob("*.tar.gz")
    with tarfile.open(packed) as archive:
        archive.extractall(built, filter="data")
    [unpacked] = [path for path in built.iterdir() if path.is_dir()]
    return unpacked, requirements


def test_a_wheel_of_the_sdist_has_every_file_of_the_tree(sdist: tuple[Path, Path], tree: Path, tmp_path: Path) -> None:
    unpacked, requirements = sdist
    options = ("--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", str(tmp_path))
    run(sys.executable, "-m", "pip", "wheel", *options, str(unpacked), cwd=tmp_path, path=requirements)
    [wheel] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        installed = {name: digest(archive.read(name)) for name in archive.namelist() if name.startswith("picloud/")}
    files = [path for path in (tree / "picloud").rglob("[!.]*") if path.is_file()]
    wanted = {str(path.relative_to(tree)): digest(path.read_bytes()) for path in files}
    assert installed == wanted
    assert {"picloud/static/editor.js", "picloud/static/live.js"} <= installed.keys()


def test_the_sdist_has_the_sources_of_what_is_bundled(sdist: tuple[Path, Path], tree: Path) -> None:
    sources = {str(path.relative_to(tree)) for path in (tree / "ui").rglob("*") if path.is_file()}
    assert "ui/package-lock.json" in sources
    assert sources == {str(path.relative_to(sdist[0])) for path in (sdist[0] / "ui").rglob("*") if path.is_file()}


def test_the_lockfile_names_versions_and_hashes_and_no_place() -> None:
    lock = (ROOT / "ui" / "package-lock.json").read_text()
    assert '"integrity": "sha512-' in lock
    assert '"resolved"' not in lock


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
