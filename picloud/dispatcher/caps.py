"""How many deliveries of an app or a script may run at once, over all nodes: `concurrency` among its limits."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from psycopg2.extensions import cursor as Cursor

from picloud.models.node import CAP_LOCK_CLASS
from picloud.services.array_literal import array_literal

_LOAD = """
    SELECT id::text, app_id::text, (limits ->> 'concurrency')::bigint, is_script FROM (
        SELECT id, id AS app_id, limits, false AS is_script FROM apps
        UNION ALL SELECT id, app_id, limits, true FROM scripts) AS limited
    WHERE limits ? 'concurrency'
"""
_MOST = 1_000_000
"""More is no cap."""
# Whoever counts what runs must not be overtaken by a claim that he can't see yet. Nobody waits for the lock.
_LOCK = f"""
    SELECT app_id::text FROM unnest(%s::uuid[]) AS capped(app_id)
    WHERE pg_try_advisory_xact_lock({CAP_LOCK_CLASS}, hashtext(app_id::text))
"""  # noqa: S608
_HELD = """
    SELECT app_id::text, script_id::text, count(*) FROM outbox
    WHERE epoch IS NOT NULL AND due >= %s::timestamptz AND app_id = ANY (%s::uuid[]) GROUP BY app_id, script_id
"""


@dataclass(slots=True)
class Rooms:
    """How many of each capped app and script may be claimed yet. `elsewhere`: apps of which another node claims now."""

    apps: dict[str, int] = field(default_factory=dict)
    scripts: dict[str, int] = field(default_factory=dict)
    elsewhere: set[str] = field(default_factory=set)

    def arrays(self) -> tuple[str, str, str, str]:
        """Apps and their rooms, scripts and theirs."""
        apps = self.apps | dict.fromkeys(self.elsewhere, 0)
        return *_literals(apps), *_literals(self.scripts)

    def take(self, app_id: str, script_id: str) -> None:
        for rooms, id_ in ((self.apps, app_id), (self.scripts, script_id)):
            if id_ in rooms:
                rooms[id_] -= 1

    def full(self) -> tuple[str, str]:
        """Apps and scripts of which nothing can be claimed before something ends."""
        at_cap = (array_literal(id_ for id_, room in rooms.items() if room < 1) for rooms in (self.apps, self.scripts))
        apps, scripts = at_cap
        return apps, scripts


class Caps:
    """What is set, as last loaded."""

    def __init__(self) -> None:
        self._apps: dict[str, int] = {}
        self._scripts: dict[str, int] = {}
        self._app_of: dict[str, str] = {}

    def load(self, cursor: Cursor) -> None:
        cursor.execute(_LOAD)
        rows = cursor.fetchall()
        self._apps = {id_: min(most, _MOST) for id_, _, most, is_script in rows if not is_script}
        self._scripts = {id_: min(most, _MOST) for id_, _, most, is_script in rows if is_script}
        self._app_of = {id_: app_id for id_, app_id, _, _ in rows}

    def __bool__(self) -> bool:
        return bool(self._app_of)

    def concern(self, app_id: UUID, script_id: UUID) -> bool:
        """Whether the app or the script has a cap."""
        return str(app_id) in self._apps or str(script_id) in self._scripts

    def rooms(self, cursor: Cursor, held_mark: str) -> Rooms:
        """Count what runs; until the transaction's end no other node claims of the apps that have room."""
        if not self:
            return Rooms()
        capped = set(self._app_of.values())
        cursor.execute(_LOCK, (array_literal(capped),))
        ours = {row[0] for row in cursor.fetchall()}
        cursor.execute(_HELD, (held_mark, array_literal(capped)))
        held: Counter[str] = Counter()
        for app_id, script_id, count in cursor.fetchall():
            held[app_id] += count
            held[script_id] += count
        apps = {id_: max(0, most - held[id_]) for id_, most in self._apps.items()}
        scripts = {id_: max(0, most - held[id_]) for id_, most in self._scripts.items()}
        return Rooms(apps, scripts, capped - ours)


def _literals(rooms: Mapping[str, int]) -> tuple[str, str]:
    return array_literal(rooms), array_literal(rooms.values())
