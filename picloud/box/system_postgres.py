"""A PostgreSQL that the system runs already: a role and a database for us."""

import socket
from pathlib import Path
from urllib.parse import quote, urlsplit

from picloud.box.programs import run
from picloud.box.step import BoxError

SOCKET = Path("/run/postgresql/.s.PGSQL.5432")
NAME = "picloud"
_CONNECT_S = 1.0
_PLACE = "@127.0.0.1:5432/"
# As the embedded one. A cluster made without a locale, as on a minimal Debian, would have SQL_ASCII.
_FORM = "TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'"


def is_running() -> bool:
    return SOCKET.is_socket()


def check_answers() -> None:
    """Raises BoxError where nothing listens at the port that `url_for` names."""
    with socket.socket() as probe:
        probe.settimeout(_CONNECT_S)
        if probe.connect_ex(("127.0.0.1", 5432)):
            raise BoxError(
                "This PiCloud's database is in the system's PostgreSQL, which does not run: systemctl start postgresql. "
                "Then run this again."
            )


def url_for(password: str) -> str:
    return f"postgresql://{NAME}:{quote(password)}{_PLACE}{NAME}"


def is_ours(url: str) -> bool:
    """Whether `url_for` may have made it."""
    return url.startswith(f"postgresql://{NAME}:") and url.endswith(_PLACE + NAME)


def ensure_database(url: str) -> bool:
    """The role with the URL's password, and the database. Whether there was none. Raises BoxError."""
    password = urlsplit(url).password or ""
    if not password.replace("-", "").replace("_", "").isalnum():
        raise BoxError(
            "The password in PICLOUD_DATABASE_URL is not one that `picloud init` made; set the role up yourself."
        )
    made = not _sql("SELECT 1 FROM pg_roles WHERE rolname = 'picloud'")
    verb = "CREATE" if made else "ALTER"
    _sql(f"{verb} ROLE {NAME} LOGIN CREATEDB PASSWORD '{password}'")
    if not _sql("SELECT 1 FROM pg_database WHERE datname = 'picloud'"):
        _sql(f"CREATE DATABASE {NAME} OWNER {NAME} {_FORM}")
        made = True
    return made


def remove_database() -> None:
    """The database and the role."""
    _sql(f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)")
    _sql(f"DROP ROLE IF EXISTS {NAME}")


def _sql(statement: str) -> str:
    return run(
        "runuser", "-u", "postgres", "--", "psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", "postgres", stdin=statement
    )
