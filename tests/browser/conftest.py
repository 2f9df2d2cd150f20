"""A real `picloud serve` for the browser to walk through."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.functional.serving import Serving


@pytest.fixture(scope="session")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    serving = Serving(tmp_path_factory.mktemp("browser"))
    try:
        serving.start_and_wait()
        yield serving
    finally:
        serving.end()


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the pages' pictures are put, for people to look at."""
    return tmp_path_factory.mktemp("pictures")
