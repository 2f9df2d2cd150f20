"""Writes the execution rows of HTTP calls in batches: a call that had no effects does not wait for its record.

A crash can lose the rows of the last moments, and only those.
"""

import logging
import time
from collections import deque
from collections.abc import Sequence
from threading import Condition, Lock, Thread

from sqlalchemy import Engine

from picloud.services.executions.feed import ExecutionFeed
from picloud.services.executions.rows import ExecutionRow, insert_executions, log_execution, psycopg2_cursor
from picloud.services.trouble import passes

log = logging.getLogger(__name__)

BATCH_S = 0.1
BATCH_ROWS = 100
BATCH_BYTES = 8 * 1024 * 1024
MAX_BYTES = 64 * 1024 * 1024
"""Size of the rows that wait. What comes while it is reached is logged, but not recorded."""
CATCH_UP_S = 0.5
"""For so long a reader waits for what ended before it came; while the database is away it would wait for nothing."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 1.0
"""Between tries while the database is away."""


class Recorder:
    """One thread, which sleeps for as long as there is nothing to write."""

    def __init__(self, engine: Engine, feed: ExecutionFeed | None = None, *, max_bytes: int = MAX_BYTES) -> None:
        self._engine = engine
        self._feed = feed or ExecutionFeed()
        self._max_bytes = max_bytes
        lock = Lock()
        self._changed, self._written = Condition(lock), Condition(lock)
        self._added = self._settled = 0
        self._hurried = False
        self._waiting: deque[ExecutionRow] = deque()
        self._bytes = 0
        self._closing_at: float | None = None
        self._thread = Thread(target=self._run, name="recorder", daemon=True)
        self._thread.start()

    def add(self, row: ExecutionRow) -> None:
        """Log the execution now and write its row soon. Never waits."""
        log_execution(row)
        with self._changed:
            if self._bytes + row.size_bytes() > self._max_bytes:
                log.error("execution not recorded: too many wait", extra={"fields": {"execution_id": str(row.id)}})
                return
            self._waiting.append(row)
            self._bytes += row.size_bytes()
            self._added += 1
            if len(self._waiting) in (1, BATCH_ROWS):
                self._changed.notify()

    def recorded(self, rows: Sequence[ExecutionRow]) -> None:
        """Log executions whose rows another one has committed, and tell who watches."""
        for row in rows:
            log_execution(row)
        self._feed.committed(rows)

    def catch_up(self, timeout_s: float = CATCH_UP_S) -> None:
        """Return when all that was added before is written, or after `timeout_s`: who has an answer finds its record."""
        with self._changed:
            wanted = self._added
            if self._settled < wanted:
                self._hurried = True
                self._changed.notify()
                self._written.wait_for(lambda: self._settled >= wanted, timeout_s)

    def close(self, timeout_s: float = 5.0) -> None:
        """Write what waits, for at most `timeout_s`, and end."""
        with self._changed:
            self._closing_at = time.monotonic() + timeout_s
            self._changed.notify()
        self._thread.join(timeout_s + 1)
        if self._waiting:
            log.error("executions not recorded at the end", extra={"fields": {"rows": len(self._waiting)}})

    def _run(self) -> None:
        pause_s = FIRST_PAUSE_S
        while batch := self._next_batch():
            try:
                self._write(batch)
            except Exception as error:
                if passes(error):
                    self._give_back(batch, pause_s)
                    pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
                    continue
                self._write_each(batch)
            pause_s = FIRST_PAUSE_S

    def _next_batch(self) -> list[ExecutionRow]:
        """Waits for rows, and BATCH_S for more of them. Empty: the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closing)
            self._changed.wait_for(lambda: len(self._waiting) >= BATCH_ROWS or self._hurried or self._closing, BATCH_S)
            self._hurried = False
            if self._closing_at is not None and time.monotonic() > self._closing_at:
                return []
            batch: list[ExecutionRow] = []
            size = 0
            while self._waiting and len(batch) < BATCH_ROWS and size < BATCH_BYTES:
                batch.append(self._waiting.popleft())
                size += batch[-1].size_bytes()
            self._bytes -= size
            return batch

    @property
    def _closing(self) -> bool:
        return self._closing_at is not None

    def _give_back(self, batch: list[ExecutionRow], pause_s: float) -> None:
        with self._changed:
            self._waiting.extendleft(reversed(batch))
            self._bytes += sum(row.size_bytes() for row in batch)
        time.sleep(pause_s)

    def _write(self, rows: list[ExecutionRow]) -> None:
        with self._engine.begin() as connection:
            insert_executions(psycopg2_cursor(connection), rows)
        self._feed.committed(rows)
        self._settle(len(rows))

    def _settle(self, rows: int) -> None:
        with self._changed:
            self._settled += rows
            self._written.notify_all()

    def _write_each(self, batch: list[ExecutionRow]) -> None:
        """One row can't be written: write the others."""
        for row in batch:
            try:
                self._write([row])
            except Exception as error:
                if passes(error):
                    self._give_back([row], FIRST_PAUSE_S)
                else:
                    self._settle(1)
                    log.error("execution not recorded", exc_info=error, extra={"fields": {"execution_id": str(row.id)}})
