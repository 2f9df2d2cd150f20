"""What a service manager does for `picloud serve`."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.functional.serving import Serving

RESTART_S = 0.1
"""systemd's RestartSec."""
_LOOK_S = 0.02


@contextmanager
def supervised(serving: Serving) -> Iterator[Serving]:
    """It serves when the block begins, is started again whenever it ends, and is stopped for good at the end."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(_LOOK_S):
            if not serving.is_running():
                time.sleep(RESTART_S)
                serving.start()

    serving.start_and_wait()
    manager = threading.Thread(target=watch)
    manager.start()
    try:
        yield serving
    finally:
        over.set()
        manager.join()
        serving.end()
