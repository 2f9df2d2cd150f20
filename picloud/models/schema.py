"""The database's schema: bring it up to date, or tell whether it is."""

from functools import cache
from importlib import resources

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine

from picloud.models.partitions import ensure_partitions


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(resources.files("picloud_migrations")))
    config.set_main_option("path_separator", "os")
    return config


def migrate(engine: Engine) -> str:
    """Upgrade to the newest revision and make the next days' partitions. The revision reached."""
    config = _config()
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    with engine.begin() as connection:
        ensure_partitions(connection)
    return newest_revision()


def downgrade(engine: Engine, revision: str) -> None:
    """Back to an older revision, after a migration that failed."""
    config = _config()
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, revision)


@cache
def newest_revision() -> str:
    """The revision that this code expects, as it stood when first asked for."""
    return ScriptDirectory.from_config(_config()).get_current_head() or ""


def current_revision(connection: Connection) -> str:
    """The revision that the database has; empty for an empty database."""
    return MigrationContext.configure(connection).get_current_revision() or ""


def knows_revision(revision: str) -> bool:
    """Whether this code can bring a database of `revision` up to date."""
    try:
        return ScriptDirectory.from_config(_config()).get_revision(revision) is not None
    except CommandError:
        return False
