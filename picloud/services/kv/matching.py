"""How many entries two globs match: for who writes a trigger, so it is counted only so far."""

import re
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from picloud.domain.kv import after_all_with

COUNTED_MAX = 1_000
LOOKED_AT_MAX = 10_000
_WILD = re.compile(r"[*?]")

_COUNT = text("""
    WITH looked_at AS (
      SELECT collection, key FROM kv_entries
      WHERE app_id = :app_id AND (expires_at IS NULL OR expires_at > now())
        AND collection >= :collection_from AND (CAST(:collection_to AS text) IS NULL OR collection < :collection_to)
        AND (NOT :one_collection OR (collection = :collection_from AND key >= :key_from
             AND (CAST(:key_to AS text) IS NULL OR key < :key_to)))
      ORDER BY app_id, collection, key LIMIT :look)
    SELECT (SELECT count(*) FROM looked_at),
      (SELECT count(*) FROM (
        SELECT FROM looked_at WHERE collection LIKE :collection_like AND key LIKE :key_like LIMIT :most) AS matched)
""")


class Matching(NamedTuple):
    """`more`: there may be more than `entries`."""

    entries: int
    more: bool


def count_matching(session: Session, app_id: UUID, collection_glob: str, key_glob: str) -> Matching:
    """At most COUNTED_MAX, among the first LOOKED_AT_MAX that begin as the globs do."""
    collection_from, key_from = _start(collection_glob), _start(key_glob)
    bounds = {
        "app_id": app_id,
        "collection_from": collection_from,
        "collection_to": after_all_with(collection_from) if collection_from else None,
        "one_collection": collection_from == collection_glob,
        "key_from": key_from,
        "key_to": after_all_with(key_from) if key_from else None,
    }
    patterns = {"collection_like": _like(collection_glob), "key_like": _like(key_glob)}
    limits = {"look": LOOKED_AT_MAX, "most": COUNTED_MAX + 1}
    looked_at, matched = session.execute(_COUNT, bounds | patterns | limits).one()
    return Matching(min(matched, COUNTED_MAX), matched > COUNTED_MAX or looked_at == LOOKED_AT_MAX)


def _start(glob: str) -> str:
    """What stands before the first wildcard."""
    return _WILD.split(glob, maxsplit=1)[0]


def _like(glob: str) -> str:
    escaped = re.sub(r"([\\%_])", r"\\\1", glob)
    return escaped.replace("*", "%").replace("?", "_")
