"""The dispatcher, as the rest of PiCloud sees it."""

import logging
from threading import Thread

from sqlalchemy import Engine

from picloud.dispatcher.attempt import Attempter
from picloud.dispatcher.loop import LAST_TRY_S, Loop
from picloud.dispatcher.notices import Notifier
from picloud.dispatcher.runners import Runners
from picloud.dispatcher.upkeep import Upkeep
from picloud.services.code.app_code import AppCodeCache
from picloud.services.code.runner import Runner
from picloud.services.delivery.completions import Completions
from picloud.services.executions.feed import ExecutionFeed
from picloud.services.runs.effects import EffectsFactory
from picloud.services.wakeup import Wakeup
from picloud.settings import Settings

log = logging.getLogger(__name__)


class Dispatcher:
    """Delivers what is in the outbox. One thread for the database, and `settings.sandbox_workers` that wait for handlers.

    Any number of dispatchers, in any number of processes, may work on one database.
    """

    def __init__(
        self,
        engine: Engine,
        runner: Runner,
        app_codes: AppCodeCache,
        wakeup: Wakeup,
        settings: Settings,
        effects: EffectsFactory,
        completions: Completions | None = None,
        feed: ExecutionFeed | None = None,
        delivers: bool = True,
        schedules: bool = True,
        notifier: Notifier | None = None,
    ) -> None:
        """`delivers`: runs handlers. `schedules`: fires cron triggers."""
        finished = Wakeup()
        attempter = Attempter(engine, runner, app_codes, effects)
        self._runners = Runners(attempter, finished, threads=settings.sandbox_workers if delivers else 0)
        self._loop = Loop(
            engine,
            self._runners,
            app_codes,
            completions or Completions(),
            feed or ExecutionFeed(),
            wakeup=wakeup,
            finished=finished,
            settings=settings,
            schedules=schedules,
        )
        self._upkeep = Upkeep(engine, settings, runner.used, notifier)
        self._thread = Thread(target=self._loop.run, name="dispatcher", daemon=True)

    @property
    def connected(self) -> bool:
        """Whether it has its connection to the database, as far as is known."""
        return self._loop.connected

    def start(self) -> None:
        """Does not wait for the database."""
        self._runners.start()
        self._thread.start()
        self._upkeep.start()

    def stop(self, timeout_s: float) -> None:
        """Claim no more, let what runs end and settle it, for at most `timeout_s`; the rest is due again at once.

        The pool must be closed after this, not before.
        """
        self._loop.stop(timeout_s)
        self._thread.join(timeout_s + 2 * LAST_TRY_S)
        self._runners.end()
        self._upkeep.stop()
