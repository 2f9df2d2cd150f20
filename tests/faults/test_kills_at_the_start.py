"""A worker that is killed while PiCloud still tries out how it is confined: that must not be taken for a verdict."""

from contextlib import suppress
from pathlib import Path

import pytest

from tests.functional.client import eventually
from tests.functional.serving import READY_S, Child, Serving

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900), pytest.mark.xdist_group("faults")]

STARTS = 6
"""The self-test takes a fifth of a second; not each kill hits it."""


def test_handlers_run_although_the_first_worker_is_killed(tmp_path: Path) -> None:
    serving = Serving(tmp_path)

    def first_worker() -> Child | None:
        with suppress(ValueError, IndexError):  # its parents are just being started
            return serving.workers[0]
        return None

    try:
        for _ in range(STARTS):
            serving.start()
            eventually(first_worker).kill()
            eventually(serving.is_ready, READY_S)
            serving.stop()
        assert "not confined" not in serving.log
    finally:
        serving.end()
