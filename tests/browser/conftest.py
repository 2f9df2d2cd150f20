"""A real `picloud serve` for the browser to walk through, and its owner."""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.functional.client import eventually
from tests.functional.serving import Serving

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, StorageState

    from tests.browser.watch import Watched

EMAIL, PASSWORD = "ada@example.com", "correct horse battery staple"
PATIENCE_MS = 60_000
"""Only a failure waits so long."""
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
def chromium() -> Iterator["Browser"]:
    """Debian's own; none is downloaded."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs the extra `browser`")
    found = shutil.which("chromium")
    if found is None:
        pytest.skip("needs Chromium")
    playwright.expect.set_options(timeout=PATIENCE_MS)
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=found, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def owner(serving: Serving, chromium: "Browser") -> "StorageState":
    """Who followed the set-up link and signed in: the browser's cookies."""
    from tests.browser.watch import Watched

    [link] = eventually(lambda: re.findall(r"http://\S+/setup#\S+", serving.output))
    context = chromium.new_context()
    context.set_default_timeout(PATIENCE_MS)
    watched = Watched(context.new_page(), serving.address)
    watched.page.goto(link)
    assert watched.page.get_by_label("Token of the link").input_value() == link.partition("#")[2]
    assert "#" not in watched.page.url
    watched.fill("Email", EMAIL)
    watched.fill("Password", PASSWORD)
    watched.press("Make me the owner")
    watched.fill("Email", EMAIL)
    watched.fill("Password", PASSWORD)
    watched.press("Sign in")
    assert watched.path == "/"
    assert watched.troubles == []
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture
def context(chromium: "Browser", owner: "StorageState") -> Iterator["BrowserContext"]:
    context = chromium.new_context(storage_state=owner)
    context.set_default_timeout(PATIENCE_MS)
    yield context
    context.close()


@pytest.fixture
def watched(context: "BrowserContext", serving: Serving) -> "Watched":
    from tests.browser.watch import Watched

    return Watched(context.new_page(), serving.address)


@pytest.fixture(scope="session")
def pictures() -> Path | None:
    """Where `TESTS_PICTURES=folder` wants the pages' pictures, for people to look at."""
    wanted = os.environ.get("TESTS_PICTURES")
    return Path(wanted) if wanted else None
