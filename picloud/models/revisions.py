"""Which revision the schema has, and which this code wants. Without Alembic, which takes 10 MiB: see `migrator`."""

import re
from functools import cache
from importlib import resources

from sqlalchemy import Connection, text

_FILE = re.compile(r"([0-9]{4})_\w+\.py")
_CURRENT = text("SELECT version_num FROM alembic_version")


def current_revision(connection: Connection) -> str:
    """The revision that the database has; empty for an empty database."""
    if connection.execute(text("SELECT to_regclass('alembic_version')")).scalar_one() is None:
        return ""
    return connection.execute(_CURRENT).scalar_one_or_none() or ""


def newest_revision() -> str:
    """The revision that this code expects, as it stood when first asked for."""
    return max(_known())


def knows_revision(revision: str) -> bool:
    """Whether this code can bring a database of `revision` up to date."""
    return revision in _known()


@cache
def _known() -> frozenset[str]:
    """Revisions are numbered by the names of their files."""
    files = (resources.files("picloud_migrations") / "versions").iterdir()
    return frozenset(match[1] for file in files if (match := _FILE.fullmatch(file.name)))
