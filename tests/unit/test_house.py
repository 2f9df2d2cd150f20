"""The tree itself: sizes, packaging, and that a worker's first import stays small."""

import configparser
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted(path for path in (ROOT / "picloud").rglob("*.py"))


def test_no_file_has_more_than_400_lines() -> None:
    assert {path.name: n for path in SOURCES if (n := len(path.read_text().splitlines())) > 400} == {}


def test_every_package_is_installed() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    listed = set(config["options"]["packages"].split()) - {
        "picloud_etc",
        "picloud_migrations",
        "picloud_migrations.versions",
    }
    found = {".".join(path.parent.relative_to(ROOT).parts) for path in SOURCES if path.name == "__init__.py"}
    assert listed == found


@pytest.mark.parametrize("command", ["version", "--help"])
def test_the_command_line_starts_without_what_is_heavy(command: str) -> None:
    code = (
        "import sys; from picloud.cli import main; main([sys.argv[1]], standalone_mode=False);"
        "print([name for name in ('sqlalchemy', 'pyramid', 'nacl') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code, command], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
