"""An app with triggers of all kinds, and clients that offer it events until it has taken them."""

import http.client
import json
import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from picloud.inbound.signatures import sign_standard
from tests.functional.client import ADMIN
from tests.functional.serving import Answer, Serving

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
GIVE_UP_S = 120.0
PAUSE_S = 0.1
JSON = {"Content-Type": "application/json"}

PLAN = """
import time

def carry_out(ctx, kind, key):
    number, fails, fate, run_ms = key.split(".")
    ctx.kv("count").incr(kind + ":" + key)
    ctx.kv("total").incr(kind + ":" + str(int(number) % 8))
    if fate == "send":
        ctx.queue("work").send({"key": number + ".0.ok." + run_ms}, key="lane" + str(int(number) % 5))
    time.sleep(int(run_ms) / 1000)
    if ctx.event.attempt <= int(fails):
        raise RuntimeError("not yet")
    if fate == "fail":
        ctx.fail("as planned")
"""
# What a handler counts by: what its event is told by.
KEYS = {
    "email": "ctx.event.email.subject",
    "kv": "ctx.event.kv.key",
    "queue": "ctx.event.queue.payload['key']",
    "http": "ctx.event.http.json['key']",
}
HANDLER = "import plan\n\ndef handler(ctx):\n    plan.carry_out(ctx, {kind!r}, {key})\n"
CALLED = HANDLER.format(kind="call", key=KEYS["http"]) + "    return 'done'\n"
COUNTER = "def handler(ctx):\n    ctx.kv('count').incr({kind!r} + ':' + {key})\n"


@dataclass(frozen=True)
class Offer:
    """One event to be taken. The key says `number.fails.fate.run_ms`: how often its handler fails first, and its end."""

    kind: str
    key: str


def offers(rng: random.Random, count: int, *, run_ms: tuple[int, int], kinds: tuple[str, ...]) -> list[Offer]:
    return [_offer(rng, number, rng.choice(kinds), run_ms) for number in range(count)]


def _offer(rng: random.Random, number: int, kind: str, run_ms: tuple[int, int]) -> Offer:
    """Of four one fails first, of six one sends to the queue, of 30 one ends as a dead letter."""
    fate = "fail" if rng.random() < 1 / 30 else "send" if rng.random() < 1 / 6 else "ok"
    fails = rng.randint(1, 2) if kind != "call" and rng.random() < 1 / 4 else 0
    return Offer(kind, f"{number}.{fails}.{fate}.{rng.randint(*run_ms)}")


class Mix:
    """`accepted`: the keys of each kind that were answered with success. `offered`: all that were ever sent.

    `done`: how many offers are done with.
    """

    def __init__(self, *nodes: Serving, cron: bool = True) -> None:
        """The nodes run on one database; each event goes to any of them. `cron`: one more a minute, from nobody."""
        self._nodes = nodes
        self._owner = owner = nodes[0].owner
        self.app = app = owner.new_app()
        self.app_id = str(owner.get(f"/apps/{app}")["id"])
        owner.script(app, "plan", PLAN, kind="module")
        for kind, key in KEYS.items():
            owner.script(app, kind, HANDLER.format(kind=kind, key=key))
        owner.script(app, "call", CALLED)
        owner.script(app, "cron", COUNTER.format(kind="cron", key="ctx.event.cron.scheduled_for"))
        owner.script(app, "dead", COUNTER.format(kind="dead_letter", key="ctx.event.dead_letter.event['id']"))
        owner.route(app, "POST", "/later", "http")
        owner.route(app, "POST", "/call", "call")
        trigger = owner.email_trigger(app, "email", inbound_secret=SECRET)
        self._mail_path = f"/api/v1/email-inbound/{self.app_id}/{trigger['id']}"
        kv = {"script": "kv", "collection_glob": "in", "ops": ["insert"]}
        owner.post(f"/apps/{app}/triggers/kv", kv)
        owner.post(f"/apps/{app}/triggers/queue", {"script": "queue", "queue": "work"})
        owner.post(f"/apps/{app}/triggers/dead_letter", {"script": "dead"})
        if cron:
            owner.post(f"/apps/{app}/triggers/cron", {"script": "cron", "schedule": "* * * * *", "overlap": "allow"})
        self._lock = threading.Lock()
        self.accepted: dict[str, set[str]] = defaultdict(set)
        self.offered: dict[str, set[str]] = defaultdict(set)
        self.answers: Counter[str] = Counter()
        self.done = 0

    def offer_all(self, wanted: Iterable[Offer], *, senders: int, rate: float) -> None:
        """At most `rate` events a second. Raises AssertionError for one that was not taken in GIVE_UP_S."""
        begun = time.monotonic()
        with ThreadPoolExecutor(senders) as clients:
            sent = []
            for number, offer in enumerate(wanted):
                time.sleep(max(0.0, begun + number / rate - time.monotonic()))
                sent.append(clients.submit(self.offer, offer))
            for one in sent:
                one.result()

    def offer(self, offer: Offer) -> None:
        """Raises AssertionError when it is not taken in GIVE_UP_S."""
        deadline = time.monotonic() + GIVE_UP_S
        tries = 0
        while not self._try(offer, tries):
            assert time.monotonic() < deadline, f"{offer} was not taken in {GIVE_UP_S} s"
            time.sleep(PAUSE_S)
            tries += 1
        with self._lock:
            self.done += 1

    def _try(self, offer: Offer, tries: int) -> bool:
        """Whether it is done with. Mails and entries may be sent again as they are; each call is a new event."""
        key = offer.key if offer.kind in ("email", "kv") else _another(offer.key, tries)
        with self._lock:
            self.offered[offer.kind].add(key)
        try:
            answer = self._send(offer.kind, key)
        except (OSError, http.client.HTTPException) as error:
            self._note(type(error).__name__)
            return False
        self._note(f"{offer.kind} {answer.status}")
        refused = offer.kind == "call" and answer.status_int == 502  # the handler has failed, or its worker was killed
        if answer.status_int in (200, 202):
            with self._lock:
                self.accepted[offer.kind].add(key)
        return refused or answer.status_int in (200, 202)

    def _send(self, kind: str, key: str) -> Answer:
        if kind == "kv":
            path = f"{ADMIN}/apps/{self.app}/kv/in/{key}"
            return self._post(path, {"value": 1}, self._owner.headers, method="PUT")
        if kind == "email":
            return self._mail(key)
        prefer = {"Prefer": "respond-async"} if kind == "http" else {}
        return self._post(f"/run/{self.app}/{'later' if kind == 'http' else 'call'}", {"key": key}, prefer)

    def _mail(self, key: str) -> Answer:
        mail = {"from": "ada@example.com", "to": ["in@box.example.org"], "subject": key, "text": "x" * 500}
        signed = sign_standard(SECRET, json.dumps(mail).encode(), webhook_id=key, timestamp_s=int(time.time()))
        return self._post(self._mail_path, mail, signed)

    def _post(self, path: str, body: Any, headers: dict[str, str], method: str = "POST") -> Answer:
        node = random.choice(self._nodes)
        return node.request(path, method=method, body=json.dumps(body).encode(), headers=JSON | headers)

    def _note(self, answer: str) -> None:
        with self._lock:
            self.answers[answer] += 1


def _another(key: str, tries: int) -> str:
    """A key with a number that no other event has."""
    number, _, rest = key.partition(".")
    return f"{10_000_000 + 1_000 * int(number) + tries}.{rest}"
