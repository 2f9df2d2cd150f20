"""Nodes: processes that claim deliveries. Each has an epoch, and lives as long as it holds the advisory lock on it."""

from sqlalchemy import Sequence

from picloud.models.base import Base

NODE_EPOCH = Sequence("node_epoch", metadata=Base.metadata)

EPOCH_LOCK_CLASS = 0x70696331
"""First key of `pg_advisory_lock(class, epoch)`; the second is the epoch."""

LIVE_EPOCHS = f"""
    SELECT objid::bigint FROM pg_locks
    WHERE locktype = 'advisory' AND classid = {EPOCH_LOCK_CLASS} AND objsubid = 2 AND granted
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""  # noqa: S608
"""The epochs of the nodes that are alive."""

SESSION_LOCK_CLASS = 0x70696332
"""First key of `pg_advisory_lock(class, pid)` on the number of the node's own server process: others wait for its end.

Not the epoch's lock, which a node has to get at once on a new connection, whoever waits for it.
"""

CAP_LOCK_CLASS = 0x70696333
"""First key of `pg_advisory_xact_lock(class, hash of the app's id)`: who claims deliveries of an app with a cap."""
