"""All that is looked at, for a process that serves."""

from collections.abc import Iterator

from sqlalchemy import Engine

from picloud.checkup.database import database
from picloud.checkup.finding import Finding
from picloud.checkup.sandbox import sandbox
from picloud.checkup.surroundings import surroundings
from picloud.sandbox_pool.executor import Executor
from picloud.services.keyring.key_file import master_key_file
from picloud.settings import Settings


def instance(settings: Settings, executor: Executor, engine: Engine) -> Iterator[Finding]:
    """Changes nothing. May take some seconds where a certificate is to be looked at."""
    yield from sandbox(executor)
    yield from database(engine, master_key_file(settings))
    yield from surroundings(settings)
