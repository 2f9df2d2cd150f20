"""The check of the checker: what the fault tests rely on finds each kind of damage, and nothing where there is none."""

import pytest

from tests.faults.verify import Receipt, verify

RECEIPTS = [
    Receipt("m1", "d1", False),
    Receipt("m2", "d2", False),
    Receipt("m2", "d2", True),
    Receipt("m3", "d3", True),
]
RUNS = [("d1", "lost"), ("d1", "ok"), ("d2", "crash"), ("d2", "crash"), ("d2", "ok"), ("d3", "ok")]


def executions(*runs: tuple[str, str]) -> list[dict[str, str]]:
    return [{"delivery_id": delivery, "status": status} for delivery, status in runs]


def test_nothing_is_wrong_where_all_ended_well_once() -> None:
    assert verify(RECEIPTS, executions(*RUNS)) == []


@pytest.mark.parametrize("damaged", ["d1", "d2", "d3"])
def test_a_lost_execution_is_found(damaged: str) -> None:
    left = [run for run in RUNS if run != (damaged, "ok")]
    assert verify(RECEIPTS, executions(*left)) == [f"{damaged} is lost"]


@pytest.mark.parametrize("damaged", ["d1", "d2", "d3"])
def test_a_doubled_execution_is_found(damaged: str) -> None:
    assert verify(RECEIPTS, executions(*RUNS, (damaged, "ok"))) == [f"{damaged} ended well 2 times"]


def test_a_mail_that_became_two_deliveries_is_found() -> None:
    receipts = [*RECEIPTS, Receipt("m1", "d4", False)]
    wrong = verify(receipts, executions(*RUNS, ("d4", "ok")))
    assert wrong == ["m1 became the deliveries ['d1', 'd4']", "m1 was new 2 times"]


def test_a_duplicate_with_another_id_is_found() -> None:
    receipts = [*RECEIPTS, Receipt("m2", "d1", True)]
    wrong = verify(receipts, executions(*RUNS))
    assert wrong == ["m2 became the deliveries ['d1', 'd2']", "d1 is the delivery of 2 mails"]


def test_a_run_that_nobody_was_told_of_is_found() -> None:
    assert verify(RECEIPTS, executions(*RUNS, ("d9", "ok"))) == ["d9 is of no mail"]
