"""Tells trouble of the database that passes from a statement that will fail again."""

import psycopg2
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

_PASSING_CLASSES = ("08", "40", "53", "55", "57", "58")
"""SQLSTATE classes: connection, rollback, resources, not in the right state, intervention, system."""
_PASSING = ("25P03",)
"""idle_in_transaction_session_timeout"""


def passes(error: BaseException) -> bool:
    """Whether the same statement may succeed later: the database is away, overloaded or being restarted."""
    if isinstance(error, PoolTimeout):
        return True
    cause = error.orig if isinstance(error, DBAPIError) else error
    if not isinstance(cause, psycopg2.Error):
        return False
    if cause.pgcode is None:
        # A server that dies amid a statement leaves the plain class: libpq has no code to choose a better one by.
        lost = type(cause) is psycopg2.DatabaseError
        return lost or isinstance(cause, psycopg2.OperationalError | psycopg2.InterfaceError)
    return cause.pgcode.startswith(_PASSING_CLASSES) or cause.pgcode in _PASSING


def collided(error: BaseException) -> bool:
    """Whether PostgreSQL ended the transaction because it and others waited for each other."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return isinstance(cause, psycopg2.Error) and (cause.pgcode or "").startswith("40")
