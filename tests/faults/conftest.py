"""Two nodes on one database."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import text

from picloud.models.engine import make_engine
from picloud.postgres.cluster import Cluster
from tests.faults.launched import Launched
from tests.faults.supervision import supervised

_numbers = itertools.count(1)

MakeNodes = Callable[..., list[Launched]]


@pytest.fixture
def nodes(cluster: Cluster, tmp_path: Path) -> Iterator[MakeNodes]:
    """Starts nodes on a new database, one for each dictionary of environment variables; `common` are for all."""
    url = _new_database(cluster)
    with ExitStack() as stack:

        def make(*environs: dict[str, str], **common: str) -> list[Launched]:
            shared = {"PICLOUD_DATABASE_URL": url, "PICLOUD_MASTER_KEY_FILE": str(tmp_path / "master.key")} | common
            made = [Launched(tmp_path / f"node{number}", **shared, **own) for number, own in enumerate(environs)]
            for node in made:
                stack.enter_context(supervised(node))
            return made

        yield make


def _new_database(cluster: Cluster) -> str:
    name = f"faults{next(_numbers)}"
    engine = make_engine(cluster.url, pool_size=1)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return engine.url.set(database=name).render_as_string(hide_password=False)
