"""`picloud serve` by the launcher, with traps; and its database."""

import os
import sys
from functools import cached_property
from pathlib import Path

from sqlalchemy import Engine, create_engine
from sqlalchemy.pool import NullPool

from picloud.postgres.binaries import find_bindir
from picloud.postgres.cluster import Cluster
from tests.faults.points import Traps
from tests.functional.serving import Serving

ROOT = Path(__file__).parents[2]


class Launched(Serving):
    """As its base. A database URL in its environment is the one that it uses, and that is read here."""

    def __init__(self, folder: Path, **environ: str) -> None:
        folder.mkdir(exist_ok=True)
        self.traps = Traps(folder / "traps")
        given = {"FAULTS_TRAPS": str(self.traps.folder), "PYTHONPATH": str(ROOT), **environ}
        super().__init__(folder, **given)
        self._database_url = environ.get("PICLOUD_DATABASE_URL")

    @cached_property
    def engine(self) -> Engine:
        """Without a pool: each use is a connection of its own."""
        url = self._database_url or Cluster(self.data_dir, bindir=find_bindir(os.environ)).url
        return create_engine(url, poolclass=NullPool, connect_args={"connect_timeout": 2})

    def command(self, *arguments: str) -> list[str]:
        picloud = super().command(*arguments)
        return [sys.executable, "-m", "tests.faults.launcher", *picloud[1:]]
