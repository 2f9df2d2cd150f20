"""docs/reference/metrics.md lists every metric, with its kind and sentence, and no other."""

import re
from pathlib import Path

from webtest import TestApp

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "metrics.md"


def test_the_page_and_the_metrics_are_equal(app: TestApp) -> None:
    text = app.get("/metrics", extra_environ={"REMOTE_ADDR": "127.0.0.1"}).text
    kinds = dict(re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE))
    sentences = dict(re.findall(r"^# HELP (\w+) (.+)$", text, re.MULTILINE))
    listed = re.findall(r"^\| `(picloud_\w+)` \| (\w+) \| [^|]*\| (.+) \|$", PAGE.read_text(), re.MULTILINE)
    assert {(name, kind, sentence) for name, kind, sentence in listed} == {
        (name, kinds[name], sentences[name]) for name in kinds
    }
