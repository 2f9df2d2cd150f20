"""Lines for the journal bear their level as systemd reads it; elsewhere they are JSON alone."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

LOGS = """
import logging
from picloud.logs import configure_logging
configure_logging("DEBUG")
log = logging.getLogger("picloud.x")
for level in ("debug", "info", "warning", "error", "critical"):
    getattr(log, level)("two\\nlines")
"""


def logged(path: Path, journal: str | None) -> list[str]:
    environ = {"PYTHONPATH": os.pathsep.join(sys.path)} | ({"JOURNAL_STREAM": journal} if journal else {})
    with path.open("wb") as stream:
        subprocess.run([sys.executable, "-c", LOGS], stderr=stream, env=environ, check=True)
    return path.read_text().splitlines()


def test_each_line_for_the_journal_begins_with_its_priority(tmp_path: Path) -> None:
    path = tmp_path / "stream"
    path.touch()
    found = path.stat()
    lines = logged(path, f"{found.st_dev}:{found.st_ino}")
    assert [line[:3] for line in lines] == ["<7>", "<6>", "<4>", "<3>", "<2>"]
    assert json.loads(lines[0][3:])["message"] == "two\nlines"


@pytest.mark.parametrize("journal", [None, "8:1", "nonsense"])
def test_elsewhere_there_is_no_prefix(tmp_path: Path, journal: str | None) -> None:
    assert [json.loads(line)["level"] for line in logged(tmp_path / "stream", journal)][:2] == ["DEBUG", "INFO"]
