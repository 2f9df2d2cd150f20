"""Migrations, by Alembic. Run as a program it migrates the database whose URL comes by standard input."""

import sys
from importlib import resources

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine

from picloud.models.engine import make_engine
from picloud.models.partitions import ensure_partitions
from picloud.models.revisions import newest_revision


def alembic_config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(resources.files("picloud_migrations")))
    config.set_main_option("path_separator", "os")
    return config


def migrate(engine: Engine) -> str:
    """Upgrade to the newest revision and make the next days' partitions. The revision reached."""
    config = alembic_config()
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    with engine.begin() as connection:
        ensure_partitions(connection)
    return newest_revision()


def downgrade(engine: Engine, revision: str) -> None:
    """Back to an older revision, after a migration that failed."""
    config = alembic_config()
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, revision)


if __name__ == "__main__":
    migrate(make_engine(sys.stdin.read(), pool_size=1))
