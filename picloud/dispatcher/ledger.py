"""The transactions of the loop."""

import logging
from collections.abc import Sequence
from dataclasses import replace

import msgspec
from psycopg2.extensions import cursor as Cursor

from picloud.dispatcher.claim import Claimed
from picloud.dispatcher.claimer import Claimer
from picloud.dispatcher.hand import Hand
from picloud.dispatcher.lease import extend, free_lost, free_own
from picloud.dispatcher.link import Link
from picloud.dispatcher.scheduler import fire, next_cron_s
from picloud.dispatcher.settle import Ended, settle
from picloud.dispatcher.verdict import Dead, PutBack, Retry
from picloud.services.promises import PROMISE, Promises
from picloud.services.trouble import passes

log = logging.getLogger(__name__)

_UNSTORABLE = {
    "type": "RecordError",
    "message": "What the run returned, logged or raised could not be stored.",
    "line": None,
    "traceback": "",
}
_UNSTORABLE_PAUSE_S = 30.0


class Ledger:
    """All methods raise the errors of psycopg2."""

    def __init__(self, link: Link, *, lease_s: float, backlog_max: int) -> None:
        self._link = link
        self._backlog_max = backlog_max
        self._lease_s = lease_s
        self._claimer = Claimer(lease_s)
        self._promises = Promises()

    def exchange(
        self, ended: Sequence[Ended], room: int, *, announce: bool = False
    ) -> tuple[list[Ended], list[Claimed]]:
        """Settle what has ended and claim up to `room`, in one commit. What was still ours, and what is ours now.

        `announce`: tell the other nodes, if anything is claimed, in the same commit.
        """
        try:
            with self._link.transaction() as cursor:
                settled = settle(cursor, self._link.epoch, ended)
                until = self._promise(cursor) if any(map(_waits_again, settled)) else None
                claimed = self._claimer.claim(cursor, self._link.epoch, room) if room else []
                if claimed and announce:
                    self._link.announce_with(cursor)
            if until is not None:
                self._promises.made(until)
            return settled, claimed
        except Exception as error:
            if passes(error) or not ended:
                raise
            log.warning("a batch could not be settled; one by one now", exc_info=error)
        return [settled for item in ended for settled in self._settle_alone(item)], []

    def next_due_s(self) -> float | None:
        """Seconds until there may be something to claim that the last claim left."""
        with self._link.cursor() as cursor:
            return self._claimer.next_due_s(cursor, self._link.epoch)

    def load_caps(self) -> None:
        """To be called on each new connection, and when apps have changed."""
        with self._link.cursor() as cursor:
            self._claimer.caps.load(cursor)

    def has_cap(self, claimed: Claimed) -> bool:
        """Whether other nodes may wait for its end."""
        return self._claimer.caps.concern(claimed.app_id, claimed.script_id)

    def fire_crons(self) -> tuple[int, float | None]:
        """Write the events of cron triggers that are due. How many were looked at, and seconds until there are more."""
        with self._link.transaction() as cursor:
            fired = fire(cursor, self._backlog_max)
            until = self._promise(cursor) if fired else None
            next_s = next_cron_s(cursor)
        if until is not None:
            self._promises.made(until)
        return fired, next_s

    def renew(self, rows: Sequence[Claimed]) -> list[Claimed]:
        """Those of `rows` that are still ours; they have new leases."""
        with self._link.cursor() as cursor:
            ours = extend(cursor, self._link.epoch, rows, self._lease_s)
        return [row for row in rows if row.id in ours]

    def free_lost(self) -> None:
        """Take from nodes that are gone what they held."""
        with self._link.cursor() as cursor:
            freed = free_lost(cursor)
        self._claimer.low_water.forget()
        if freed:
            log.warning("deliveries of lost nodes are due again", extra={"fields": {"deliveries": freed}})

    def free_own(self, hand: Hand) -> None:
        """Give back what we hold without knowing."""
        with self._link.cursor() as cursor:
            free_own(cursor, self._link.epoch, hand.all())

    def _promise(self, cursor: Cursor) -> float | None:
        """With the transaction's commit. Until when it holds; None: there is one that holds."""
        until = self._promises.due()
        if until is not None:
            cursor.execute(PROMISE)
        return until

    def _settle_alone(self, item: Ended) -> list[Ended]:
        """One delivery must not keep all others from being settled, whatever its handler has returned."""
        for candidate in (item, _without_output(item)):
            try:
                with self._link.transaction() as cursor:
                    return settle(cursor, self._link.epoch, [candidate])
            except Exception as error:
                if passes(error):
                    raise
                log.warning("not settled", exc_info=error, extra={"fields": {"delivery_id": item.claimed.id}})
        with self._link.transaction() as cursor:
            return settle(cursor, self._link.epoch, [Ended(item.claimed, Retry(_UNSTORABLE_PAUSE_S))])


def _waits_again(item: Ended) -> bool:
    """It, or a letter of its, has to be claimed by somebody."""
    return bool(item.letters) or isinstance(item.verdict, Retry | PutBack)


def _without_output(item: Ended) -> Ended:
    row = item.row and replace(item.row, result=None, logs="[]", error=msgspec.json.encode(_UNSTORABLE).decode())
    verdict = Dead(_UNSTORABLE) if isinstance(item.verdict, Dead) else item.verdict
    return Ended(item.claimed, verdict, row)
