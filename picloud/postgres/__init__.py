"""The PostgreSQL that `picloud serve` runs as its own child when no database URL is given."""

from picloud.postgres.binaries import find_bindir
from picloud.postgres.cluster import Cluster
from picloud.postgres.errors import PostgresError

__all__ = ["Cluster", "PostgresError", "find_bindir"]
