"""`picloud`, with what the fault tests do to it: `python -m tests.faults.launcher ARGUMENTS…`.

FAULTS_TRAPS: the folder of traps. FAULTS_NO_FENCE: settle without looking
whether the delivery is still ours, to see that the tests find out.
Started under libfaketime it keeps that to itself: what it starts has the real clock.
"""

import os
import sys
from pathlib import Path

from picloud.cli import main
from picloud.dispatcher import settle
from tests.faults import points

UNFENCED = """
    WITH gone AS (DELETE FROM outbox AS o USING unnest($2::uuid[], $3::int[]) AS r(id, attempt) WHERE o.id = r.id)
    SELECT id::text FROM unnest($2::uuid[]) AS id WHERE $1::bigint IS NOT NULL
"""


def remove_fence() -> None:
    """A delivery counts as ours when it ends well, whoever has it by now, and whether or not it is still there."""
    object.__setattr__(settle._DELIVERED, "sql", UNFENCED)


if __name__ == "__main__":
    os.environ.pop("LD_PRELOAD", None)
    if os.environ.get("FAULTS_NO_FENCE"):
        remove_fence()
    if folder := os.environ.get("FAULTS_TRAPS"):
        points.lay(Path(folder))
    sys.argv[0] = "picloud"
    main()
