"""What has to be done now and then, in a thread of its own: deliveries don't wait for it."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Event, Thread

from sqlalchemy import Connection, Engine, text

from picloud.dispatcher.notices import Notifier
from picloud.models.partitions import ensure_partitions
from picloud.services.retention.retention import drop_days
from picloud.services.retention.rows import clear_defaults, forget_closed, forget_expired, forget_triggers
from picloud.services.trouble import passes
from picloud.settings import Settings

log = logging.getLogger(__name__)

PAUSE_S = 600.0
"""Between two rounds, at least."""
STOP_S = 2.0

_AFTER_MIDNIGHT = timedelta(minutes=5)
_LOCK_KEY = 0x70696375
_TRY_LOCK = text(f"SELECT pg_try_advisory_lock({_LOCK_KEY})")
_UNLOCK = text(f"SELECT pg_advisory_unlock({_LOCK_KEY})")

Task = Callable[[Connection, Settings], None]
"""Makes its own, short transactions."""


def make_partitions(connection: Connection, settings: Settings) -> None:
    """A day's tables are there a week before their day."""
    with connection.begin():
        connection.execute(text("SET LOCAL lock_timeout = '2s'"))
        ensure_partitions(connection)


TASKS: tuple[Task, ...] = (make_partitions, drop_days, clear_defaults, forget_closed, forget_triggers, forget_expired)


def seconds_to_next_day(now: datetime) -> float:
    """Until 00:05 UTC."""
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    today = midnight + _AFTER_MIDNIGHT
    return (today if now < today else today + timedelta(days=1)).timestamp() - now.timestamp()


def do_round(engine: Engine, settings: Settings, tasks: tuple[Task, ...] = TASKS) -> bool:
    """Do all tasks, unless another node is at it. Whether nothing has failed; a failure is logged."""
    try:
        with engine.connect() as connection:
            with connection.begin():
                if not connection.execute(_TRY_LOCK).scalar_one():
                    return True
            done = [_done(task, connection, settings) for task in tasks]
            with connection.begin():
                connection.execute(_UNLOCK)
            return all(done)
    except Exception as error:
        if not passes(error):
            log.exception("upkeep failed")
        return False


def _done(task: Task, connection: Connection, settings: Settings) -> bool:
    try:
        task(connection, settings)
    except Exception as error:
        log.warning("upkeep put off", exc_info=error, extra={"fields": {"task": task.__name__}})
        return False
    return True


class Upkeep:
    """A round at the start and after midnight, and after work: then there may be more to remove.

    `used` is set by whoever works. While nobody does, nothing is done between the days.
    """

    def __init__(self, engine: Engine, settings: Settings, used: Event, notifier: Notifier | None = None) -> None:
        self._engine = engine
        self._settings = settings
        self._used = used
        self._notifier = notifier
        self._stopped = Event()
        self._thread = Thread(target=self._run, name="upkeep", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Waits for the round under way, but not for long: what it leaves, the next start finishes."""
        self._stopped.set()
        self._used.set()
        self._thread.join(STOP_S)

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._used.clear()
            done = do_round(self._engine, self._settings, self._tasks())
            if not self._stopped.wait(PAUSE_S) and done:
                self._used.wait(self._idle_s())

    def _tasks(self) -> tuple[Task, ...]:
        return (*TASKS, self._notifier.round) if self._notifier else TASKS

    def _idle_s(self) -> float:
        """How long nothing has to be done while nobody works."""
        next_look_s = self._notifier.next_look_s if self._notifier else None
        until_midnight_s = seconds_to_next_day(datetime.now(UTC))
        return until_midnight_s if next_look_s is None else min(until_midnight_s, next_look_s)
