"""The check of the checker: it finds each kind of damage, and nothing where there is none."""

from collections import Counter
from collections.abc import Callable

import pytest

from tests.faults.truth import Event, Seen, judge

MAIL, SENT, FAILED = "1.0.ok.5", "2.1.send.5", "3.0.fail.5"
FOLLOWER = "2.0.ok.5"
CALL = "4.0.ok.5"


def all_well() -> Seen:
    """Two mails and a call that ended well, one of them sending to the queue, and an entry whose handler failed."""
    events = [
        Event("a", "email", MAIL),
        Event("b", "email", SENT),
        Event("c", "kv", FAILED),
        Event("d", "queue", FOLLOWER),
        Event("e", "dead_letter", "c"),
    ]
    counted = [f"email:{MAIL}", f"email:{SENT}", f"queue:{FOLLOWER}", "dead_letter:c", f"call:{CALL}"]
    return Seen(
        accepted={"email": {MAIL, SENT}, "kv": {FAILED}, "call": {CALL}},
        offered={"email": {MAIL, SENT}, "kv": {FAILED}, "call": {CALL, "5.0.ok.5"}},
        events=events,
        ended_well=Counter("abde"),
        dead=Counter("c"),
        counts=dict.fromkeys(counted, 1),
        totals={"email:1": 1, "email:2": 1, "queue:2": 1, "call:4": 1},
    )


def test_nothing_is_wrong_where_all_is_as_promised() -> None:
    assert judge(all_well()) == []


def without(event_id: str) -> Callable[[Seen], object]:
    return lambda seen: seen.events.remove(next(event for event in seen.events if event.id == event_id))


DAMAGES: dict[str, tuple[Callable[[Seen], object], str]] = {
    "stuck": (lambda seen: setattr(seen, "waiting", 1), "1 deliveries are stuck"),
    "an event lost": (without("a"), f"email {MAIL} was accepted and is lost"),
    "an event doubled": (lambda seen: seen.events.append(Event("f", "email", MAIL)), f"email {MAIL} became 2 events"),
    "an event of nobody": (
        lambda seen: seen.events.append(Event("f", "kv", "9.0.ok.5")),
        "kv 9.0.ok.5 was offered by nobody",
    ),
    "no end": (lambda seen: seen.ended_well.pop("a"), f"email {MAIL} ended well 0 times and badly 0 times"),
    "two ends": (lambda seen: seen.ended_well.update("a"), f"email {MAIL} ended well 2 times and badly 0 times"),
    "an end and a letter": (lambda seen: seen.dead.update("a"), f"email {MAIL} ended well 1 times and badly 1 times"),
    "two letters": (lambda seen: seen.dead.update("c"), f"kv {FAILED} ended well 0 times and badly 2 times"),
    "a follower lost": (without("d"), f"queue {FOLLOWER} was sent and is lost"),
    "a follower of a run that failed": (
        lambda seen: seen.events.append(Event("f", "queue", "3.0.ok.5")),
        "queue 3.0.ok.5 was sent by a run that did not end well",
    ),
    "a letter without its event": (without("e"), "the dead letter of c has no event"),
    "an event without its letter": (
        lambda seen: seen.events.append(Event("f", "dead_letter", "a")),
        "a has the event of a dead letter, and none",
    ),
    "an effect lost": (lambda seen: seen.counts.pop(f"email:{MAIL}"), f"email:{MAIL} was counted 0 times, not 1"),
    "an effect doubled": (
        lambda seen: seen.counts.update({f"email:{MAIL}": 2}),
        f"email:{MAIL} was counted 2 times, not 1",
    ),
    "an effect of a run that failed": (
        lambda seen: seen.counts.update({f"kv:{FAILED}": 1}),
        f"kv:{FAILED} was counted 1 times, not 0",
    ),
    "a call lost": (lambda seen: seen.counts.pop(f"call:{CALL}"), f"call {CALL} was answered and is lost"),
    "a call doubled": (
        lambda seen: seen.counts.update({f"call:{CALL}": 2}),
        f"call {CALL} was counted more than once",
    ),
    "a call of nobody": (
        lambda seen: seen.counts.update({"call:9.0.ok.5": 1}),
        "call 9.0.ok.5 was made by nobody",
    ),
    "a total too high": (lambda seen: seen.totals.update({"email:1": 2}), "the total email:1 is 2, not 1"),
    "a total too low": (lambda seen: seen.totals.pop("call:4"), "the total call:4 is 0, not 1"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_found(damage: str) -> None:
    seen = all_well()
    harm, expected = DAMAGES[damage]
    harm(seen)
    assert expected in judge(seen)
