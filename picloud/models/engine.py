"""Engines and sessions."""

from sqlalchemy import Engine, create_engine, make_url
from sqlalchemy.engine import URL

from picloud.models.connection_pool import ShrinkingPool

_APPLICATION_NAME = "picloud"
IDLE_IN_TRANSACTION_MS = 60_000
"""After so long the server ends a transaction in which nothing happens."""


def database_url(given: str) -> URL:
    """`given` as a psycopg2 URL: SQLAlchemy 2.1 takes a plain `postgresql://` for psycopg 3."""
    url = make_url(given)
    return url.set(drivername="postgresql+psycopg2") if url.drivername in ("postgres", "postgresql") else url


def make_engine(
    url: URL | str, *, pool_size: int, statement_timeout_ms: int = 30_000, pool: type[ShrinkingPool] = ShrinkingPool
) -> Engine:
    """An engine whose connections are checked when taken, so that a restarted server costs no failed request.

    `jit`: Debian's PostgreSQL has it on, and takes the claim's plan, whose cost says what not to do, for one that is worth
    seconds of compiling.
    """
    options = (
        f"-c statement_timeout={statement_timeout_ms} -c timezone=UTC -c jit=off"
        f" -c idle_in_transaction_session_timeout={IDLE_IN_TRANSACTION_MS}"
    )
    return create_engine(
        database_url(str(url) if isinstance(url, str) else url.render_as_string(hide_password=False)),
        poolclass=pool,
        pool_size=pool_size,
        max_overflow=2,
        pool_timeout=5,
        pool_pre_ping=True,
        hide_parameters=True,  # errors are logged; what people sent, and sealed values, are not
        connect_args={"connect_timeout": 5, "application_name": _APPLICATION_NAME, "options": options},
    )
