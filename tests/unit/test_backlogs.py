"""Counting a backlog now and then holds its limit, near enough."""

from uuid import UUID

import pytest

from picloud.services.backlogs import Backlogs, Room

APP = UUID(int=1)


class Door:
    """Processes that add to one app's backlog, each with its own memory of it."""

    def __init__(self, most: int, processes: int) -> None:
        self.most, self.waiting, self.counts, self.now = most, 0, 0, 0.0
        self.memories = [Backlogs(lambda: self.now) for _ in range(processes)]

    def add(self, turn: int) -> bool:
        backlogs = self.memories[turn % len(self.memories)]
        room = backlogs.take(APP)
        if room is Room.UNKNOWN:
            self.counts += 1
            is_full = self.waiting >= self.most
            started, self.now = self.now, self.now + 0.001
            backlogs.counted(APP, None if is_full else self.waiting, self.most, started)
            room = Room.NONE if is_full else Room.TAKEN
        self.waiting += room is Room.TAKEN
        return room is Room.TAKEN


@pytest.mark.parametrize(("processes", "over"), [(1, 0.005), (4, 0.02)])
def test_the_limit_holds_and_few_deliveries_are_counted(processes: int, over: float) -> None:
    door = Door(10_000, processes)
    for turn in range(30_000):
        door.add(turn)
        door.now += 0.0002
    assert 10_000 <= door.waiting <= 10_000 * (1 + over)
    assert door.counts < 3_000


def test_a_small_limit_is_kept_exactly() -> None:
    door = Door(3, 1)
    assert [door.add(turn) for turn in range(5)] == [True, True, True, False, False]


def test_a_full_backlog_is_not_counted_for_each_that_is_refused_and_opens_again() -> None:
    door = Door(1000, 1)
    door.waiting = 1000
    assert not any(door.add(turn) for turn in range(100))
    assert door.counts == 1
    door.waiting = 0
    door.now += 1
    assert door.add(0)


def test_a_count_is_not_believed_for_long() -> None:
    door = Door(1000, 1)
    door.add(0)
    door.waiting = 1000
    door.now += 1.1
    assert not door.add(1)
