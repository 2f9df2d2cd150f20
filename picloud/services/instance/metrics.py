"""What `/metrics` shows: the meters of this process, the queue as the database has it, workers and memory."""

from collections.abc import Iterator

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from picloud import __version__
from picloud.sandbox_pool.executor import Executor
from picloud.services.instance.processes import processes
from picloud.services.meters import METERS, gauge, header, sample

_QUEUE = text("""
    SELECT count(*) FILTER (WHERE epoch IS NULL AND attempt = 0) AS ready,
           count(*) FILTER (WHERE epoch IS NOT NULL) AS running,
           count(*) FILTER (WHERE epoch IS NULL AND attempt > 0) AS retrying,
           coalesce(extract(epoch FROM now() - min(due) FILTER (WHERE epoch IS NULL AND due <= now())), 0) AS oldest_s,
           (SELECT count(*) FROM dead_letters WHERE state = 'dead') AS dead
    FROM outbox
""")


class Metrics:
    def __init__(self, sessions: sessionmaker[Session], executor: Executor) -> None:
        self._sessions = sessions
        self._executor = executor

    def text(self) -> str:
        """In Prometheus's text format. Without the queue while the database is away."""
        return "\n".join([*self._lines(), ""])

    def _lines(self) -> Iterator[str]:
        yield from header("picloud_info", "The version that runs.", "gauge")
        yield sample("picloud_info", {"version": __version__}, 1)
        for meter in METERS:
            yield from meter.lines()
        yield from self._queue()
        yield from self._processes()

    def _queue(self) -> Iterator[str]:
        try:
            with self._sessions() as session:
                row = session.execute(_QUEUE).one()
        except SQLAlchemyError:
            yield from gauge("picloud_database_up", "Whether PostgreSQL answers.", {"": 0})
            return
        states = {"ready": row.ready, "running": row.running, "retrying": row.retrying}
        yield from gauge("picloud_database_up", "Whether PostgreSQL answers.", {"": 1})
        yield from gauge("picloud_deliveries", "Deliveries in the outbox.", states, "state")
        yield from gauge(
            "picloud_oldest_due_age_seconds", "How long the oldest has been due.", {"": float(row.oldest_s)}
        )
        yield from gauge("picloud_dead_letters", "Dead letters neither replayed nor discarded.", {"": row.dead})

    def _processes(self) -> Iterator[str]:
        found = processes(self._executor)
        yield from gauge("picloud_workers", "Sandbox workers that live.", {"": found.workers})
        yield from gauge(
            "picloud_resident_memory_bytes", "Resident size; shared pages count in each.", found.memory, "process"
        )
