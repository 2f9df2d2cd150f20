"""Dead letters go back: one or many, on the present version or on the one that failed."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from picloud.domain.errors import Conflict, NotFound, Unavailable
from picloud.domain.ids import uuid7
from picloud.domain.kinds import EventKind, ScriptKind
from picloud.models import App
from picloud.services.dead_letters.dead_letters import DeadLetterFilter
from picloud.services.replays import replays
from picloud.services.replays.replays import MAX_LETTERS, Replayed, ReplayService, ReplayVersion
from tests.integration.conftest import World

FAILS = "def handler(ctx):\n    raise ValueError('no')"
EVENT = (
    '{"id": "ID", "kind": "manual", "occurred_at": "2026-01-01T00:00:00Z", "trace_id": "ID", "depth": 0,'
    ' "manual": {"a": "\\u0000"}}'
)


def dead_letter(world: World, script: UUID, payload: Any = None) -> UUID:
    [delivery] = world.enqueue(script, payload)
    with world.node():
        world.until(world.dead)
    return delivery


def test_a_replay_is_the_same_delivery_with_as_many_attempts_again(world: World) -> None:
    script = world.script(FAILS)
    payload = {"text": "a\x00\ud800é"}
    delivery = dead_letter(world, script, payload)
    [event] = world.rows("SELECT * FROM events")
    world.change("DELETE FROM events")
    world.replay(delivery)
    [row] = world.waiting()
    assert (row.id, row.attempt, row.max_attempts, row.manual, row.epoch) == (delivery, 3, 6, True, None)
    assert world.rows("SELECT * FROM events") == [event]
    assert event.payload == payload
    assert not world.dead()
    with world.node():
        [letter] = world.until(world.dead)
    assert (letter.attempt, letter.max_attempts, letter.policy_attempts) == (6, 6, 3)
    assert [(run.attempt, run.manual) for run in world.executions(delivery)] == [
        (1, False), (2, False), (3, False), (4, True), (5, False), (6, False),
    ]  # fmt: skip


def test_replays_keep_to_the_order_of_their_key(world: World) -> None:
    script = world.script(FAILS)
    lane = {"trigger_id": uuid7(), "principal_id": world.user_id, "order_key": "k"}
    letters = world.enqueue(script, times=2, **lane)
    with world.node():
        world.until(lambda: len(world.dead()) == 2)
    world.save(script, "def handler(ctx):\n    return 1")
    for letter in reversed(letters):
        world.replay(letter)
    [following] = world.enqueue(script, **lane)
    assert {row.order_key for row in world.waiting()} == {"k"}
    with world.node():
        world.until(lambda: not world.waiting())
    done = world.rows("SELECT delivery_id FROM executions WHERE status = 'ok' ORDER BY started_at")
    assert [row.delivery_id for row in done] == [*letters, following]


def test_a_second_replay_does_not_double_the_attempts(world: World) -> None:
    delivery = dead_letter(world, world.script(FAILS))
    for end in (6, 9):
        world.replay(delivery)
        assert world.waiting()[0].max_attempts == end
        with world.node():
            world.until(world.dead)


def test_a_replay_with_better_code_delivers(world: World) -> None:
    script = world.script(FAILS)
    delivery = dead_letter(world, script)
    world.save(script, "def handler(ctx):\n    return ctx.event.attempt")
    with world.node() as node:
        world.replay(delivery, node=node)
        world.until(lambda: not world.waiting())
    assert [(run.attempt, run.status) for run in world.executions(delivery)][-1] == (4, "ok")
    assert not world.dead()


def letters(world: World, script: UUID, times: int, **columns: Any) -> list[UUID]:
    """Dead letters as deliveries leave them, all of an event that is gone."""
    made = [uuid7() for _ in range(times)]
    for letter in made:
        values = {
            "id": letter,
            "app_id": world.app_id,
            "script_id": script,
            "event_id": letter,
            "source_kind": "manual",
            "attempt": 2,
            "max_attempts": 2,
            "policy_attempts": 2,
            "backoff_base_s": 1,
            "backoff_cap_s": 1,
            "timeout_s": 5,
            "state": "dead",
            "event": EVENT.replace("ID", str(letter)),
            "error": '{"type": "ValueError", "message": "it is 100% wrong"}',
            "version": 1,
        } | columns
        names = ", ".join(values)
        world.change(f"INSERT INTO dead_letters ({names}) VALUES ({', '.join(':' + n for n in values)})", **values)
    return made


def many(
    world: World, narrowed: DeadLetterFilter | None = None, version: ReplayVersion = ReplayVersion.CURRENT, **more: Any
) -> Replayed:
    options = {"rate_per_s": None, "limit": MAX_LETTERS, "room": 1000} | more
    with world.sessions.begin() as session:
        service = ReplayService(session, world.app_id, principal=world.principal)
        return service.many(narrowed or DeadLetterFilter(), version, **options)


def dead_ids(world: World) -> set[UUID]:
    return {letter.id for letter in world.dead() if letter.state == "dead"}


def test_a_dead_letter_knows_the_version_that_failed(world: World) -> None:
    script = world.script(FAILS)
    world.save(script, FAILS)
    dead_letter(world, script)
    assert [letter.version for letter in world.dead()] == [2]


def test_a_lost_delivery_has_the_version_that_ran_before(world: World) -> None:
    [delivery] = world.enqueue(world.script(FAILS))
    with world.node():
        world.until(lambda: [row for row in world.executions() if row.status == "error"])
        world.until(lambda: not any(row.epoch for row in world.waiting()))
    world.change("DELETE FROM dead_letters")
    world.change("DELETE FROM outbox")
    world.change("UPDATE executions SET delivery_id = :id", id=delivery)
    [again] = world.enqueue(world.script(FAILS, name="again"))
    world.change("UPDATE outbox SET id = :id, attempt = 5, epoch = 1000000", id=delivery)
    with world.node():
        [letter] = world.until(world.dead)
    assert (letter.id, letter.error["type"], letter.version) == (delivery, "Lost", 1)
    assert again != delivery


def test_the_original_version_runs_with_the_modules_of_now(world: World) -> None:
    module = world.script("WORD = 'old'", name="words", kind=ScriptKind.MODULE)
    first = "import words\ndef handler(ctx):\n    if words.WORD == 'old':\n        raise ValueError('no')\n    return words.WORD"
    script = world.script(first)
    delivery, other = world.enqueue(script, times=2)
    with world.node():
        world.until(lambda: len(world.dead()) == 2)
    world.save(script, "def handler(ctx):\n    return ctx.version")
    world.save(module, "WORD = 'new'")
    with world.node() as node:
        world.replay(delivery, ReplayVersion.ORIGINAL, node)
        world.replay(other, ReplayVersion.CURRENT, node)
        world.until(lambda: not world.waiting())
    assert [(run.result, run.version, run.manual) for run in world.executions(delivery)][-1] == ("new", 1, True)
    assert [(run.result, run.version) for run in world.executions(other)][-1] == (2, 2)


def test_every_attempt_of_a_replay_runs_the_pinned_version(world: World) -> None:
    script = world.script(FAILS)
    delivery = dead_letter(world, script)
    world.save(script, "def handler(ctx):\n    return 1")
    world.replay(delivery, ReplayVersion.ORIGINAL)
    with world.node():
        [letter] = world.until(world.dead)
    assert [run.version for run in world.executions(delivery)] == [1] * 6
    assert letter.version == 1
    with world.node() as node:
        world.replay(delivery, ReplayVersion.CURRENT, node)
        world.until(lambda: not world.waiting())
    assert world.executions(delivery)[-1].version == 2


def test_a_version_that_is_gone_ends_the_replay_with_this_reason(world: World) -> None:
    script = world.script(FAILS)
    delivery = dead_letter(world, script)
    world.save(script, "def handler(ctx):\n    return 1")
    world.change("DELETE FROM script_versions WHERE number = 1")
    world.replay(delivery, ReplayVersion.ORIGINAL)
    with world.node():
        [letter] = world.until(world.dead)
    assert (letter.error["type"], letter.version, letter.attempt) == ("VersionGone", 1, 4)
    assert "version 1" in letter.error["message"]


def test_without_a_run_there_is_no_original(world: World) -> None:
    [letter] = letters(world, world.script(FAILS), 1, version=None)
    with pytest.raises(Conflict) as refused:
        world.replay(letter, ReplayVersion.ORIGINAL)
    assert refused.value.problem_code == "no_original_version"
    assert many(world, version=ReplayVersion.ORIGINAL) == Replayed(0, more=False)
    assert dead_ids(world) == {letter}
    world.replay(letter)


def test_each_condition_narrows(world: World) -> None:
    script, other, trigger, trace = world.script(FAILS), world.script(FAILS, name="other"), uuid4(), uuid7()
    now = datetime.now(UTC)
    chosen = {
        "kind": letters(world, script, 1, source_kind="email"),
        "trigger_id": letters(world, script, 1, trigger_id=trigger),
        "script": letters(world, other, 1),
        "trace_id": letters(world, script, 1, trace_id=trace),
        "error_type": letters(world, script, 1, error='{"type": "KeyError", "message": "\'100x\'"}'),
        "since": letters(world, script, 1, failed_at=now + timedelta(hours=2)),
        "until": letters(world, script, 1, failed_at=now - timedelta(days=2)),
    }
    rest = letters(world, script, 2, error='{"type": "Other", "message": "no 100% here"}')
    wanted = {
        "kind": EventKind.EMAIL,
        "trigger_id": trigger,
        "script": "other",
        "trace_id": trace,
        "error_type": "KeyError",
        "since": now + timedelta(hours=1),
        "until": now - timedelta(days=1),
    }
    for name, ids in chosen.items():
        assert many(world, DeadLetterFilter(**{name: wanted[name]})) == Replayed(1, more=False), name
        assert ids[0] not in dead_ids(world), name
    assert many(world, DeadLetterFilter(error_contains="100% h")) == Replayed(2, more=False)
    assert not dead_ids(world) & set(rest)
    assert len(world.waiting()) == 9


def test_many_conditions_have_to_hold_together(world: World) -> None:
    script = world.script(FAILS)
    [one, two] = letters(world, script, 2)
    narrowed = DeadLetterFilter(ids=[one], error_type="KeyError")
    assert many(world, narrowed) == Replayed(0, more=False)
    assert many(world, DeadLetterFilter(ids=[one], error_type="ValueError")) == Replayed(1, more=False)
    assert dead_ids(world) == {two}


@pytest.mark.parametrize(("batch", "chunk_bytes"), [(2, 1), (3, 500), (1000, 4_000_000)])
def test_batches_take_all_in_one_transaction(
    world: World, batch: int, chunk_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replays, "BATCH", batch)
    monkeypatch.setattr(replays, "CHUNK_BYTES", chunk_bytes)
    made = letters(world, world.script(FAILS), 5)
    assert many(world) == Replayed(5, more=False)
    waiting = world.waiting()
    assert [row.id for row in waiting] == made
    assert {(row.attempt, row.max_attempts, row.manual, row.later) for row in waiting} == {(2, 4, True, False)}
    assert len({row.xmin for row in world.rows("SELECT xmin::text FROM outbox")}) == 1
    events = world.rows("SELECT * FROM events WHERE id = ANY(:ids) ORDER BY id", ids=made)
    assert [(event.id, event.trace_id, event.payload) for event in events] == [
        (id_, id_, {"a": "\x00"}) for id_ in made
    ]
    assert {(event.app_id, event.kind, event.depth) for event in events} == {(world.app_id, "manual", 0)}


def test_a_limit_takes_the_oldest_and_says_that_there_are_more(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replays, "BATCH", 2)
    made = letters(world, world.script(FAILS), 4)
    assert many(world, limit=3) == Replayed(3, more=True)
    assert dead_ids(world) == {made[3]}
    assert many(world, limit=1) == Replayed(1, more=False)


def test_no_more_than_the_backlog_has_room_for(world: World) -> None:
    script = world.script(FAILS)
    letters(world, script, 3)
    world.enqueue(script, times=2)
    assert many(world, room=4) == Replayed(2, more=True)
    with pytest.raises(Unavailable) as refused:
        many(world, room=4)
    assert refused.value.problem_code == "backlog_full"
    assert len(dead_ids(world)) == 1


def test_a_rate_spreads_them(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replays, "BATCH", 2)
    letters(world, world.script(FAILS), 4)
    many(world, rate_per_s=0.1)
    waits = world.rows("SELECT extract(epoch FROM due - min(due) OVER ())::float8 AS s FROM outbox ORDER BY id")
    assert [row.s for row in waits] == [0, 10, 20, 30]


def test_what_is_not_theirs_stays(world: World) -> None:
    script, other = world.script(FAILS), uuid7()
    with world.sessions.begin() as session:
        session.add(App(id=other, slug="other", name="Other"))
    [foreign] = letters(world, script, 1, app_id=other)
    [discarded] = letters(world, script, 1, state="discarded")
    [lost] = letters(world, script, 1, event="null")
    assert many(world) == Replayed(0, more=False)
    assert {letter.id for letter in world.dead()} == {foreign, discarded, lost}
    with pytest.raises(NotFound):
        world.replay(foreign)
    with pytest.raises(NotFound):
        world.replay(uuid4())
    with pytest.raises(Conflict, match="discarded"):
        world.replay(discarded)


def test_of_two_replays_at_once_one_wins(world: World) -> None:
    script = world.script(FAILS)
    for _ in range(8):
        [letter] = letters(world, script, 1)
        barrier = threading.Barrier(2)

        def replay(_: int, letter: UUID = letter, barrier: threading.Barrier = barrier) -> str:
            barrier.wait()
            try:
                world.replay(letter)
            except (Conflict, NotFound) as error:
                return type(error).__name__
            return "won"

        with ThreadPoolExecutor(2) as threads:
            assert sorted(threads.map(replay, range(2))) == ["Conflict", "won"]
    assert len(world.waiting()) == 8


def test_many_beside_a_discard_and_a_replay_under_way_leave_them_alone(world: World) -> None:
    made = letters(world, world.script(FAILS), 4)
    with world.sessions() as discarding, world.sessions() as replaying:
        from_outbox = ReplayService(replaying, world.app_id, principal=world.principal)
        from_outbox.one(made[1], ReplayVersion.CURRENT)
        discarding.connection().exec_driver_sql(f"UPDATE dead_letters SET state = 'discarded' WHERE id = '{made[0]}'")
        assert many(world) == Replayed(2, more=False)
        discarding.commit()
        replaying.commit()
    assert {letter.id: letter.state for letter in world.dead()} == {made[0]: "discarded"}
    assert {row.id for row in world.waiting()} == set(made[1:])


def test_discards_and_replays_in_a_crowd_end_in_one_of_both(world: World) -> None:
    made = letters(world, world.script(FAILS), 30)

    def discard(letter: UUID) -> None:
        with suppress(Conflict, NotFound), world.outbox() as outbox:
            outbox.discard(world.app_id, letter)

    with ThreadPoolExecutor(4) as threads:
        work = [threads.submit(many, world, limit=4) for _ in range(6)]
        work += [threads.submit(discard, letter) for letter in made]
        for item in work:
            item.result()
    many(world)
    back, discarded = {row.id for row in world.waiting()}, {letter.id for letter in world.dead()}
    assert not back & discarded
    assert back | discarded == set(made)
