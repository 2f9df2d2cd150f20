"""What a request goes through that waits for a handler."""

from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil

from picloud.domain.errors import Unavailable
from picloud.sandbox_pool.pool import Busy, Tripped
from picloud.services.runtime import Runtime


@contextmanager
def handler_wait(made_of: Runtime) -> Iterator[None]:
    """Raises Unavailable where too many wait already, and for what the pool refuses."""
    try:
        with made_of.callers.seat():
            yield
    except Tripped as paused:
        detail = "The script killed its workers again and again, and is paused for a moment."
        raise Unavailable(detail, retry_after_s=ceil(paused.retry_after_s), code="script_paused") from None
    except Busy as busy:
        raise Unavailable(
            "No worker became free in time.", retry_after_s=ceil(busy.retry_after_s), code="no_worker"
        ) from None
