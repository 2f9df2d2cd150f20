"""Debian's Chromium in front of a real `picloud serve`. Where Playwright or Chromium is missing these tests skip."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.functional.serving import Serving

sync_api = pytest.importorskip("playwright.sync_api", reason="needs the extra `browser`")
pytest.importorskip("axe_playwright_python", reason="needs the extra `browser`")

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"]


@pytest.fixture(scope="session")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    serving = Serving(tmp_path_factory.mktemp("browser"))
    try:
        serving.start_and_wait()
        yield serving
    finally:
        serving.end()


@pytest.fixture(scope="session")
def chromium() -> "Iterator[sync_api.Browser]":
    found = shutil.which("chromium")
    if found is None:
        pytest.skip("needs Chromium")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the pages' pictures are put, for people to look at."""
    return tmp_path_factory.mktemp("pictures")
