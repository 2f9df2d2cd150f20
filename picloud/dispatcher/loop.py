"""The dispatcher's thread: it sleeps until something is due, claims it, and settles what the runners have ended."""

import logging
import select
import time
from uuid import UUID

from psycopg2.extensions import connection as Connection
from sqlalchemy import Engine

from picloud.dispatcher.hand import Hand
from picloud.dispatcher.ledger import Ledger
from picloud.dispatcher.link import Link
from picloud.dispatcher.neighbours import Neighbours
from picloud.dispatcher.runners import Runners
from picloud.dispatcher.settle import Ended
from picloud.dispatcher.timers import Timer, Timers
from picloud.dispatcher.verdict import Delivered, PutBack, Retry
from picloud.services.code.app_code import AppCodeCache
from picloud.services.delivery.completions import Completions
from picloud.services.executions.feed import ExecutionFeed
from picloud.services.executions.rows import log_execution
from picloud.services.promises import LOOK_S
from picloud.services.trouble import passes
from picloud.services.wakeup import Wakeup
from picloud.settings import Settings

log = logging.getLogger(__name__)

SETTLE_S = 0.02
"""While more waits than can run, what has ended waits at most so long for company."""
ANNOUNCE_S = 0.25
"""Other nodes hear of new deliveries at most once in so long."""
CRON_S = 1.0
"""While there is work, it is looked for new cron triggers at most once in so long."""
CRON_AGAIN_S = 10.0
"""After a failure: deliveries don't wait for events that can't be written, as on a full disk."""
RETURN_S = 1.5
"""After a restart of the server every node gets so long to take its epoch's lock again."""
GRACE_S = 0.5
"""A node whose connection broke gets so long to make a new one, before its deliveries go to others."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 1.0
"""Between tries while the database is away. The longest is well below RETURN_S."""
LOCKED_S = 0.1
"""What is due and yet could not be claimed is locked by somebody; it is looked at again after so long."""
LONGEST_SLEEP_S = 14 * 86_400.0
"""poll(2) takes 24 days at most."""
LAST_TRY_S = 2.0
"""So long after the end of the time to stop, the loop ends whether or not it could give back what it held."""


class Loop:
    """`run` is the thread's body; `stop` may be called by any other."""

    def __init__(
        self,
        engine: Engine,
        runners: Runners,
        app_codes: AppCodeCache,
        completions: Completions,
        feed: ExecutionFeed,
        *,
        wakeup: Wakeup,
        finished: Wakeup,
        settings: Settings,
        schedules: bool,
    ) -> None:
        self._runners = runners
        self._app_codes = app_codes
        self._completions = completions
        self._feed = feed
        self._wakeup = wakeup
        self._finished = finished
        self._stopped = Wakeup()
        self._lease_s = settings.lease_s
        self._link = Link(engine)
        self._neighbours = Neighbours(self._link)
        self._ledger = Ledger(self._link, lease_s=settings.lease_s, backlog_max=settings.backlog_max)
        self._schedules = schedules
        self._hand = Hand(workers=runners.threads, most=settings.dispatch_batch)
        self._timers = Timers()
        self._ended: list[Ended] = []
        self._hungry = True
        self._announced_at = 0.0
        self._promised_until = 0.0
        self._cron_at = 0.0
        self._pause_s = FIRST_PAUSE_S
        self._stop_at: float | None = None

    @property
    def connected(self) -> bool:
        """Whether there is a connection, as far as is known."""
        return self._link.is_open

    def stop(self, timeout_s: float) -> None:
        """Claim no more; end when all is settled, or give back the rest after `timeout_s`."""
        self._stop_at = time.monotonic() + timeout_s
        self._stopped.notify()

    def run(self) -> None:
        while not self._is_over():
            try:
                if not self._link.is_open:
                    self._connect()
                self._turn()
                self._went_well()
                self._sleep()
            except Exception as error:
                self._pause_after(error)
        self._neighbours.close()
        self._link.close()

    def _is_over(self) -> bool:
        if self._stop_at is None:
            return False
        return not self._hand or time.monotonic() > self._stop_at + LAST_TRY_S

    def _connect(self) -> None:
        """All of it or nothing: a connection on which only a part was done would never be given the rest."""
        again = self._link.was_open
        self._link.open()
        try:
            self._take_stock(again=again)
        except BaseException:
            self._link.close()
            raise
        log.info("connected", extra={"fields": {"epoch": self._link.epoch}})

    def _take_stock(self, *, again: bool) -> None:
        """We listen already, and look now: so nothing is missed between the two."""
        self._app_codes.invalidate()
        self._ledger.load_caps()
        if again:
            self._renew(float("inf"))
            self._ledger.free_own(self._hand)
        else:
            self._ledger.free_lost()
        self._timers.set(Timer.RECOVER, time.monotonic() + RETURN_S)
        self._look_at_crons(time.monotonic())
        self._hungry = True
        self._feed.database(away=False)

    def _turn(self) -> None:
        now = time.monotonic()
        self._hear(now)
        if self._timers.went_off(Timer.RENEW, now):
            self._renew(now - self._lease_s / 6)
        if self._timers.went_off(Timer.RECOVER, now):
            self._recover(now)
        if self._stop_at is not None:
            self._wind_down(now)
        elif self._timers.went_off(Timer.CRON, now):
            self._fire_crons(now)
        self._exchange()
        if self._timers.went_off(Timer.ANNOUNCE, now):
            self._link.announce()
            self._announced_at = now

    def _went_well(self) -> None:
        if self._pause_s != FIRST_PAUSE_S:
            self._pause_s = FIRST_PAUSE_S
            self._feed.database(away=False)

    def _hear(self, now: float) -> None:
        """Take in what has happened since the last turn."""
        self._finished.drain()
        for ended in self._runners.collect():
            if ended.settled:
                self._hand.remove([ended.claimed])
                self._hungry = True
                self._report([ended])
            elif ended.claimed in self._hand:
                self._ended.append(ended)
            if ended.row:
                self._hand.took(ended.row.wall_ms / 1000)
            if ended.claimed.holds_back:
                self._let_follow(ended, now)
        if self._wakeup.drain():
            self._hungry = True
            self._timers.set_earlier(Timer.ANNOUNCE, max(now, self._announced_at + ANNOUNCE_S))
            self._look_at_crons(max(now, self._cron_at + CRON_S))
        heard = self._link.heard()
        for app_id in heard.changed:
            self._app_codes.invalidate(app_id)
            self._look_at_crons(max(now, self._cron_at + CRON_S))
        if heard.changed:
            self._ledger.load_caps()
            self._hungry = True
        if heard.deliveries:
            # Should the node hang, what it claims after this look is seen to be due again by the next one.
            self._timers.set(Timer.AGAIN, now + self._lease_s)
        if heard.deliveries or any(self._timers.went_off(timer, now) for timer in (Timer.DUE, Timer.AGAIN)):
            self._hungry = True
        self._keep_promises(heard.promised, now)
        if heard.nodes or self._neighbours.hear(busy=bool(self._hand)):
            self._timers.set_earlier(Timer.RECOVER, now + GRACE_S)

    def _keep_promises(self, heard: bool, now: float) -> None:
        """Look whether the others have claimed what they committed: once for each promise, after the last commit of it."""
        if heard:
            self._promised_until = now + LOOK_S
            self._timers.set_earlier(Timer.PROMISED, self._promised_until)
        if self._timers.went_off(Timer.PROMISED, now):
            self._hungry = True
            if self._promised_until > now:
                self._timers.set(Timer.PROMISED, self._promised_until)

    def _let_follow(self, ended: Ended, now: float) -> None:
        """Others had to wait for this end: here, and where there is a cap on other nodes as well."""
        self._hungry = True
        if self._ledger.has_cap(ended.claimed):
            self._timers.set_earlier(Timer.ANNOUNCE, max(now, self._announced_at + ANNOUNCE_S))

    def _recover(self, now: float) -> None:
        """Take what nodes held that are gone, and watch one that is there."""
        self._ledger.free_lost()
        self._found_more(now)
        again_s = self._neighbours.look()
        if again_s is not None:
            self._timers.set_earlier(Timer.RECOVER, now + again_s)

    def _found_more(self, now: float) -> None:
        """There may be more to deliver: here, or where there is somebody who does."""
        self._hungry = True
        if not self._runners.threads:
            self._timers.set_earlier(Timer.ANNOUNCE, max(now, self._announced_at + ANNOUNCE_S))

    def _renew(self, leased_before: float) -> None:
        rows = self._hand.leased_before(leased_before)
        if not rows:
            return
        started = time.monotonic()
        kept = self._ledger.renew(rows)
        self._hand.renewed(kept, started)
        for row in set(rows).difference(kept):
            row.forsaken = True
        self._hand.remove(row for row in rows if row.forsaken)

    def _look_at_crons(self, at: float) -> None:
        if self._schedules:
            self._timers.set_earlier(Timer.CRON, at)

    def _fire_crons(self, now: float) -> None:
        fired, next_s = self._ledger.fire_crons()
        self._cron_at = now
        if fired:
            self._found_more(now)
        self._timers.set(Timer.CRON, None if next_s is None else now + max(next_s, LOCKED_S))

    def _wind_down(self, now: float) -> None:
        """Give back what has not begun; and when the time is over, what has not ended."""
        self._hungry = False
        given_back = self._runners.recall()
        if self._stop_at is not None and now >= self._stop_at:
            ended = {item.claimed.key for item in self._ended}
            given_back = [row for row in self._hand.all() if row.key not in ended]
        self._ended += [Ended(row, PutBack(0)) for row in given_back if row in self._hand]
        if given_back:
            self._timers.set(Timer.ANNOUNCE, now)

    def _exchange(self) -> None:
        room = self._room()
        if not self._time_to_exchange(room):
            return
        self._timers.set(Timer.SETTLE, None)
        started = time.monotonic()
        announce = self._timers.is_over(Timer.ANNOUNCE, started)
        settled, claimed = self._ledger.exchange(self._ended, room, announce=announce)
        if claimed and announce:
            self._timers.set(Timer.ANNOUNCE, None)
            self._announced_at = started
        self._hand.remove(item.claimed for item in self._ended)
        self._ended = []
        self._hand.add(claimed, started)
        self._runners.submit(claimed)
        self._report(settled)
        if room:
            self._hungry = len(claimed) == room
            self._look_ahead()

    def _room(self) -> int:
        """How many to claim, if there are any and if what has ended is settled."""
        unfinished = len(self._hand) - len(self._ended)
        return max(0, self._hand.target() - unfinished) if self._hungry else 0

    def _time_to_exchange(self, room: int) -> bool:
        """A commit costs as much for one as for many. While runners are busy it waits for half a hand, or SETTLE_S."""
        if not self._ended and not room:
            return False
        full = 2 * len(self._ended) >= len(self._hand) or 2 * room >= self._hand.target()
        return full or not self._runners.busy or not self._timers.ahead(Timer.SETTLE, time.monotonic())

    def _report(self, settled: list[Ended]) -> None:
        """Tell who wants to know. The commit is done."""
        for item in settled:
            if item.letters:
                self._timers.set_earlier(Timer.DUE, time.monotonic())
            if isinstance(item.verdict, Retry | PutBack):
                self._timers.set_earlier(Timer.DUE, time.monotonic() + item.verdict.delay_s)
                # Should this node hang until then, another one has to know.
                self._timers.set_earlier(Timer.ANNOUNCE, max(time.monotonic(), self._announced_at + ANNOUNCE_S))
            if item.row:
                log_execution(item.row)
            if not isinstance(item.verdict, PutBack):
                self._completions.ended(UUID(item.claimed.id), isinstance(item.verdict, Delivered))
        self._feed.committed([item.row for item in settled if item.row])

    def _look_ahead(self) -> None:
        """When everything due is claimed: learn once when there will be more, and keep it in mind."""
        if self._hungry:
            self._timers.set(Timer.DUE, None)
            return
        due_s = self._ledger.next_due_s()
        self._timers.set(Timer.DUE, None if due_s is None else time.monotonic() + max(due_s, LOCKED_S))

    def _sleep(self) -> None:
        if self._is_over() or self._time_to_exchange(self._room()):
            return
        now = time.monotonic()
        if self._runners.wake_after(len(self._hand) // 2 - len(self._ended)):
            return
        if not self._runners.busy:
            self._timers.set(Timer.SETTLE, None)
        elif not self._timers.ahead(Timer.SETTLE, now):
            self._timers.set(Timer.SETTLE, now + SETTLE_S)
        oldest = self._hand.oldest_lease()
        self._timers.set(Timer.RENEW, None if oldest is None else oldest + self._lease_s / 3)
        if self._stop_at is not None:
            self._timers.set(Timer.STOP, self._stop_at)
        soonest = self._timers.soonest()
        own = (self._wakeup, self._finished, self._stopped, self._link)
        self._wait(soonest, *own, *self._neighbours.sources())

    def _pause_after(self, error: Exception) -> None:
        """Wait before the next try. What has ended stays in memory until it can be settled; the fence decides then."""
        if passes(error):
            self._feed.database(away=True)
            if self._pause_s == FIRST_PAUSE_S:
                log.warning("the database is away", exc_info=error)
        else:
            log.error("the dispatcher failed; it tries again", exc_info=error)
        self._look_again(time.monotonic())
        self._wait(time.monotonic() + self._pause_s, self._stopped)
        self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)

    def _look_again(self, now: float) -> None:
        """Whatever look it was that failed, its timer has gone off: make them all again."""
        self._hungry = True
        self._timers.set_earlier(Timer.RECOVER, now + GRACE_S)
        self._timers.set_earlier(Timer.ANNOUNCE, now)
        self._look_at_crons(now + CRON_AGAIN_S)

    def _wait(self, until: float | None, *sources: Wakeup | Link | Connection) -> None:
        poll = select.poll()
        for source in sources:
            poll.register(source.fileno(), select.POLLIN)
        poll.poll(None if until is None else min(max(0.0, until - time.monotonic()), LONGEST_SLEEP_S) * 1000 + 1)
        self._stopped.drain()
