"""Holds what a sender was told against what was run."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Receipt:
    """One answer that told the sender: this mail is yours no more."""

    webhook_id: str
    delivery_id: str
    duplicate: bool


def verify(receipts: Iterable[Receipt], executions: Iterable[Mapping[str, Any]]) -> list[str]:
    """What is wrong; empty where every mail was accepted as one delivery and every delivery ended well exactly once.

    `executions` are those of the API, all of them. That the first receipt of a mail says `duplicate` is no fault: the
    answer to a request that was accepted before may have been lost on its way.
    """
    by_mail: dict[str, list[Receipt]] = defaultdict(list)
    for receipt in receipts:
        by_mail[receipt.webhook_id].append(receipt)
    ended_well = Counter(str(run["delivery_id"]) for run in executions if run["status"] == "ok")
    mails_of = Counter(delivery for given in by_mail.values() for delivery in {item.delivery_id for item in given})
    wrong = [problem for mail, given in by_mail.items() for problem in _contradictions(mail, given)]
    wrong += [f"{delivery} is the delivery of {count} mails" for delivery, count in mails_of.items() if count > 1]
    wrong += [f"{delivery} is lost" for delivery in mails_of if not ended_well[delivery]]
    wrong += [f"{delivery} ended well {count} times" for delivery, count in ended_well.items() if count > 1]
    wrong += [f"{delivery} is of no mail" for delivery in ended_well if delivery not in mails_of]
    return wrong


def _contradictions(mail: str, given: list[Receipt]) -> list[str]:
    deliveries = {receipt.delivery_id for receipt in given}
    wrong = [f"{mail} became the deliveries {sorted(deliveries)}"] if len(deliveries) > 1 else []
    fresh = sum(not receipt.duplicate for receipt in given)
    return wrong + ([f"{mail} was new {fresh} times"] if fresh > 1 else [])
