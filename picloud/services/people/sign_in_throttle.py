"""How often somebody may try to sign in. Kept in the database, so that a restart forgives nothing."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address, ip_network
from math import ceil

from sqlalchemy import and_, delete, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from picloud.crypto import token_hash
from picloud.domain.errors import TooManyRequests
from picloud.models import SignInAttempts


@dataclass(frozen=True, slots=True)
class Bound:
    """`free` failures cost nothing; then the wait doubles from one second on, up to `cap_s`."""

    name: str
    free: int
    cap_s: float

    def wait(self, failures: int) -> timedelta | None:
        beyond = failures - self.free
        return timedelta(seconds=min(self.cap_s, 2.0 ** min(beyond - 1, 30))) if beyond > 0 else None


PAIR = Bound("pair", 5, 300)
ADDRESS = Bound("address", 20, 900)
ACCOUNT = Bound("account", 50, 900)
FORGOTTEN_AFTER = timedelta(days=1)
KNOWN_FOR = timedelta(days=90)


class SignInThrottle:
    """Three counts: of this account from this address, of the address, of the account.

    An address from which the account was signed in to lately has to obey the first alone. So whoever guesses at an
    account from elsewhere slows itself and other strangers down, and not the account's owner.
    """

    def __init__(self, session: Session, account: str, address: str) -> None:
        self._session = session
        place = _place(address)
        self._keys = {
            PAIR: _key(PAIR, account.lower(), place),
            ADDRESS: _key(ADDRESS, place),
            ACCOUNT: _key(ACCOUNT, account.lower()),
        }

    def take(self) -> None:
        """Count an attempt as failed before it is looked at, so that many at once count. Raises TooManyRequests."""
        self._forget_old()
        now, rows = self._locked()
        known = rows[PAIR].succeeded_at is not None
        waits = [
            row.blocked_until - now
            for bound, row in rows.items()
            if row.blocked_until and row.blocked_until > now and (bound is PAIR or not known)
        ]
        if waits:
            raise TooManyRequests("Too many attempts to sign in.", retry_after_s=ceil(max(waits).total_seconds()))
        for bound, row in rows.items():
            stale = row.updated_at < now - FORGOTTEN_AFTER
            self._set(bound, row, 1 if stale else row.failures + 1, now)

    def succeeded(self) -> None:
        """Take the attempt's count back, and know the address from now on."""
        now, rows = self._locked()
        for bound, row in rows.items():
            self._set(bound, row, 0 if bound is PAIR else max(0, row.failures - 1), now)
        rows[PAIR].succeeded_at = now

    def withdraw(self) -> None:
        """Take the attempt's count back, and nothing else: it was neither wrong nor enough."""
        now, rows = self._locked()
        for bound, row in rows.items():
            self._set(bound, row, max(0, row.failures - 1), now)

    def _set(self, bound: Bound, row: SignInAttempts, failures: int, now: datetime) -> None:
        wait = bound.wait(failures)
        row.failures, row.updated_at = failures, now
        row.blocked_until = now + wait if wait else None

    def _locked(self) -> tuple[datetime, dict[Bound, SignInAttempts]]:
        """The rows, made where missing, and locked in an order that is always the same."""
        rows = insert(SignInAttempts).values([{"key": key} for key in sorted(self._keys.values())])
        locked = rows.on_conflict_do_update(index_elements=["key"], set_={"failures": SignInAttempts.failures})
        query = locked.returning(SignInAttempts)
        found = {row.key: row for row in self._session.scalars(query, execution_options={"populate_existing": True})}
        now = self._session.execute(select(func.clock_timestamp())).scalar_one()
        return now, {bound: found[key] for bound, key in self._keys.items()}

    def _forget_old(self) -> None:
        failed = and_(SignInAttempts.succeeded_at.is_(None), SignInAttempts.updated_at < func.now() - FORGOTTEN_AFTER)
        old = or_(failed, SignInAttempts.updated_at < func.now() - KNOWN_FOR)
        gone = select(SignInAttempts.key).where(old).limit(100).with_for_update(skip_locked=True)
        self._session.execute(delete(SignInAttempts).where(SignInAttempts.key.in_(gone)))


def _key(bound: Bound, *parts: str) -> bytes:
    return token_hash("\x00".join((bound.name, *parts)))


def _place(address: str) -> str:
    """An IPv6 host may have any address of its /64."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    return str(ip_network((parsed, 64), strict=False)) if isinstance(parsed, IPv6Address) else address
