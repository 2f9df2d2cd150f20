"""An app that takes mail, and a provider that sends it: again and again, until it is told that the mail is taken."""

import http.client
import json
import threading
import time
from collections import Counter
from datetime import datetime
from typing import Any

from picloud.inbound.signatures import sign_standard
from tests.faults.verify import Receipt
from tests.functional.client import eventually
from tests.functional.serving import Serving

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
HANDLER = """
import time

def handler(ctx):
    run_ms = int(ctx.event.email.subject)
    if run_ms % 2:
        ctx.kv("inbox").incr("odd")
    time.sleep(run_ms / 1000)
"""
PROVIDER_S = 180.0
"""A provider gives up after days; a test earlier."""
SETTLED_S = 180.0
_PAUSE_S = 0.05
_LIVE = ("ready", "running", "retrying")


class Inbox:
    """Its handler takes as many milliseconds as the mail's subject says, and counts the mails with an odd number.

    `answers` counts what the receiver said.
    """

    def __init__(self, serving: Serving) -> None:
        self._serving = serving
        self._owner = serving.owner
        self._app = self._owner.new_app()
        self._owner.script(self._app, "inbox", HANDLER)
        trigger = self._owner.email_trigger(self._app, "inbox", inbound_secret=SECRET)
        self._path = f"/api/v1/email-inbound/{trigger['app_id']}/{trigger['id']}"
        self._lock = threading.Lock()
        self.receipts: list[tuple[float, Receipt]] = []
        self.answers: Counter[str] = Counter()

    def deliver(self, webhook_id: str, run_ms: int) -> None:
        """As a provider does: anything but 200 and 202, and no answer at all, means once more, with the same id."""
        mail = {"from": "ada@example.com", "to": ["in@box.example.org"], "subject": str(run_ms), "text": webhook_id}
        body = json.dumps(mail).encode()
        deadline = time.monotonic() + PROVIDER_S
        while not self._try(webhook_id, body):
            assert time.monotonic() < deadline, f"{webhook_id} was not accepted in {PROVIDER_S} s"
            time.sleep(_PAUSE_S)

    def _try(self, webhook_id: str, body: bytes) -> bool:
        signed = sign_standard(SECRET, body, webhook_id=webhook_id, timestamp_s=int(time.time()))
        headers = {"Content-Type": "application/json"} | signed
        try:
            answer = self._serving.request(self._path, method="POST", body=body, headers=headers)
        except (OSError, http.client.HTTPException) as error:
            with self._lock:
                self.answers[type(error).__name__] += 1
            return False
        with self._lock:
            self.answers[answer.status] += 1
            if answer.status_int not in (200, 202):
                return False
            receipt = Receipt(webhook_id, answer.json["delivery_id"], answer.json["duplicate"])
            self.receipts.append((time.time(), receipt))
        return True

    def wait_until_settled(self) -> None:
        """Nothing waits, runs or will be tried again."""
        eventually(lambda: not any(self._items("deliveries", f"state={state}&limit=1") for state in _LIVE), SETTLED_S)

    def executions(self) -> list[dict[str, Any]]:
        return self._items("executions")

    def dead_letters(self) -> list[dict[str, Any]]:
        return self._items("dead-letters")

    def odd(self) -> int:
        """How many mails with an odd number the handler has counted."""
        return int(self._owner.get(f"/apps/{self._app}/kv/inbox/odd")["value"])

    def _items(self, what: str, narrowed: str = "limit=200") -> list[dict[str, Any]]:
        """All pages."""
        found: list[dict[str, Any]] = []
        after = ""
        while True:
            page = self._owner.get(f"/apps/{self._app}/{what}?{narrowed}{after}")
            found += page["items"]
            if page["next"] is None:
                return found
            after = f"&after={page['next']}"


def started_at(execution: dict[str, Any]) -> float:
    """Unix time in seconds."""
    return datetime.fromisoformat(execution["started_at"]).timestamp()
