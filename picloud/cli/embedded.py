"""The PostgreSQL of the data folder. Imports nothing heavy, so that `picloud serve` can start it first."""

import os

from picloud.postgres import Cluster, find_bindir
from picloud.settings import Settings


def embedded_cluster(settings: Settings) -> Cluster:
    """Not started. Raises PostgresError."""
    return Cluster(
        settings.data_dir, bindir=find_bindir(os.environ), shared_buffers_mb=settings.postgres_shared_buffers_mb
    )
