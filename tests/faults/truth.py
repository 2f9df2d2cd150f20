"""Holds what clients were told against what the database says: nothing lost, nothing doubled, nothing stuck."""

import base64
import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

CLIENT_KINDS = ("email", "kv", "http")
"""Kinds of events that clients offer. A `call` is none: it leaves no event, only its effects."""


@dataclass(frozen=True)
class Event:
    id: str
    kind: str
    key: str


@dataclass
class Seen:
    """`ended_well`, `dead`: how many executions and dead letters each event has. `counts`, `totals`: of the handlers."""

    accepted: Mapping[str, Set[str]] = field(default_factory=dict)
    offered: Mapping[str, Set[str]] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    ended_well: Counter[str] = field(default_factory=Counter)
    dead: Counter[str] = field(default_factory=Counter)
    counts: dict[str, int] = field(default_factory=dict)
    totals: dict[str, int] = field(default_factory=dict)
    waiting: int = 0


def look(engine: Engine, app_id: str, accepted: Mapping[str, Set[str]], offered: Mapping[str, Set[str]]) -> Seen:
    """Everything of one app."""
    with engine.connect() as connection:

        def rows(query: str) -> Any:
            return connection.execute(text(query), {"app_id": app_id}).all()

        seen = Seen(accepted, offered)
        found = rows("SELECT id::text, kind, payload::text FROM events WHERE app_id = :app_id")
        seen.events = [Event(id_, kind, _key(kind, json.loads(payload))) for id_, kind, payload in found]
        ended = rows("SELECT event_id::text FROM executions WHERE app_id = :app_id AND status = 'ok'")
        known = {event.id for event in seen.events}
        seen.ended_well = Counter(event_id for (event_id,) in ended if event_id in known)
        seen.dead = Counter(row[0] for row in rows("SELECT event_id::text FROM dead_letters WHERE app_id = :app_id"))
        kept = rows("SELECT collection, key, value::text FROM kv_entries WHERE app_id = :app_id AND collection <> 'in'")
        seen.counts = {key: int(value) for collection, key, value in kept if collection == "count"}
        seen.totals = {key: int(value) for collection, key, value in kept if collection == "total"}
        [(seen.waiting,)] = rows("SELECT count(*) FROM outbox WHERE app_id = :app_id")
        return seen


def wait_until_empty(engine: Engine, app_id: str, timeout_s: float) -> int:
    """Until nothing of the app waits or runs, or nothing has changed for `timeout_s`. How many are left."""
    left, changed_at = -1, time.monotonic()
    while left != 0 and time.monotonic() < changed_at + timeout_s:
        time.sleep(0.2)
        now = _waiting(engine, app_id, left)
        if now != left:
            left, changed_at = now, time.monotonic()
    return left


def _waiting(engine: Engine, app_id: str, unknown: int) -> int:
    try:
        with engine.connect() as connection:
            query = text("SELECT count(*) FROM outbox WHERE app_id = :app_id")
            return int(connection.execute(query, {"app_id": app_id}).scalar_one())
    except OperationalError:  # it was just killed
        return unknown


def _key(kind: str, part: dict[str, Any]) -> str:
    if kind == "http":
        return str(json.loads(base64.b64decode(part["body_base64"]))["key"])
    found = {
        "email": lambda: part["subject"],
        "kv": lambda: part["key"],
        "queue": lambda: part["payload"]["key"],
        "cron": lambda: part["scheduled_for"],
        "dead_letter": lambda: part["event"]["id"],
    }[kind]
    return str(found())


def judge(seen: Seen) -> list[str]:
    """What is wrong, one line each; empty: everything is as promised."""
    return [
        *([f"{seen.waiting} deliveries are stuck"] if seen.waiting else []),
        *_wrong_events(seen),
        *_wrong_ends(seen),
        *_wrong_followers(seen),
        *_wrong_counts(seen),
        *_wrong_totals(seen),
    ]


def _wrong_events(seen: Seen) -> Iterator[str]:
    """Every accepted key is one event; every event was offered."""
    times = Counter((event.kind, event.key) for event in seen.events)
    yield from (f"{kind} {key} became {count} events" for (kind, key), count in times.items() if count > 1)
    for kind in CLIENT_KINDS:
        keys = {key for of, key in times if of == kind}
        yield from (f"{kind} {key} was accepted and is lost" for key in seen.accepted.get(kind, set()) - keys)
        yield from (f"{kind} {key} was offered by nobody" for key in keys - seen.offered.get(kind, set()))


def _wrong_ends(seen: Seen) -> Iterator[str]:
    for event in seen.events:
        ended_well, dead = seen.ended_well[event.id], seen.dead[event.id]
        if ended_well + dead != 1:
            yield f"{event.kind} {event.key} ended well {ended_well} times and badly {dead} times"


def _wrong_followers(seen: Seen) -> Iterator[str]:
    """What a handler sent is there if it ended well; a dead letter has its event."""
    sent = {event.key for event in seen.events if event.kind == "queue"}
    expected = {_follower(event.key) for event in seen.events if _sends(event) and seen.ended_well[event.id]}
    expected |= {_follower(key) for key in _calls(seen) if _fate(key) == "send"}
    yield from (f"queue {key} was sent and is lost" for key in expected - sent)
    yield from (f"queue {key} was sent by a run that did not end well" for key in sent - expected)
    letters = {event.key for event in seen.events if event.kind == "dead_letter"}
    wanted = {event.id for event in seen.events if event.kind != "dead_letter" and seen.dead[event.id]}
    yield from (f"the dead letter of {event_id} has no event" for event_id in wanted - letters)
    yield from (f"{event_id} has the event of a dead letter, and none" for event_id in letters - wanted)


def _wrong_counts(seen: Seen) -> Iterator[str]:
    expected = {f"{event.kind}:{event.key}": int(seen.ended_well[event.id] > 0) for event in seen.events}
    for name in expected.keys() | {name for name in seen.counts if not name.startswith("call:")}:
        if seen.counts.get(name, 0) != expected.get(name, 0):
            yield f"{name} was counted {seen.counts.get(name, 0)} times, not {expected.get(name, 0)}"
    accepted, offered = seen.accepted.get("call", set()), seen.offered.get("call", set())
    counted = _calls(seen)
    yield from (f"call {key} was answered and is lost" for key in accepted - counted)
    yield from (f"call {key} was made by nobody" for key in counted - offered)
    yield from (f"call {key} was counted more than once" for key in counted if seen.counts[f"call:{key}"] != 1)


def _wrong_totals(seen: Seen) -> Iterator[str]:
    expected = Counter(_total(name) for name in seen.counts if not name.startswith(("cron:", "dead_letter:")))
    for name in expected.keys() | seen.totals.keys():
        if seen.totals.get(name, 0) != expected[name]:
            yield f"the total {name} is {seen.totals.get(name, 0)}, not {expected[name]}"


def _total(name: str) -> str:
    kind, _, key = name.partition(":")
    return f"{kind}:{int(key.partition('.')[0]) % 8}"


def _calls(seen: Seen) -> set[str]:
    return {name.removeprefix("call:") for name in seen.counts if name.startswith("call:")}


def _sends(event: Event) -> bool:
    return event.kind in CLIENT_KINDS and _fate(event.key) == "send"


def _fate(key: str) -> str:
    return key.split(".")[2]


def _follower(key: str) -> str:
    number, _, _, run_ms = key.split(".")
    return f"{number}.0.ok.{run_ms}"
