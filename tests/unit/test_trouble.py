"""Whether it is the database that is in trouble, or the statement."""

import psycopg2
import pytest
from psycopg2 import errors
from sqlalchemy.exc import DatabaseError, IntegrityError

from picloud.services.trouble import passes

DIED = psycopg2.DatabaseError("server closed the connection unexpectedly")
"""As seen when the server was killed amid a statement: neither a code nor a class of its own."""


@pytest.mark.parametrize(
    "error",
    [
        DIED,
        DatabaseError("SELECT 1", {}, DIED),
        psycopg2.OperationalError("refused"),
        psycopg2.InterfaceError("closed"),
    ],
)
def test_a_lost_connection_passes(error: Exception) -> None:
    assert passes(error)


@pytest.mark.parametrize(
    "error",
    [
        psycopg2.ProgrammingError("no results to fetch"),
        IntegrityError("INSERT", {}, errors.UniqueViolation("doubled")),
        ValueError("no database's"),
    ],
)
def test_other_errors_stay(error: Exception) -> None:
    assert not passes(error)
