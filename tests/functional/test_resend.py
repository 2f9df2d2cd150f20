"""A delivery's event is edited and sent again: a delivery of its own that names its origin."""

import base64
import hashlib
from typing import Any
from uuid import uuid4

from webtest import TestApp

from tests.functional.bench import Bench
from tests.functional.client import Client, eventually
from tests.functional.test_email_attachments import HANDLER, run
from tests.functional.test_email_inbound import Inbox


def ended(bench: Bench, delivery_id: str, state: str) -> Any:
    def find() -> Any:
        delivery = bench.owner.get(f"/apps/{bench.slug}/deliveries/{delivery_id}")
        return delivery if delivery["state"] == state else None

    return eventually(find)


def result(bench: Bench, delivery: Any) -> Any:
    return bench.owner.get(f"/apps/{bench.slug}/executions/{delivery['attempts'][-1]['execution_id']}")["result"]


def resent(bench: Bench, delivery_id: str, event: Any = None) -> str:
    body = None if event is None else {"event": event}
    path = f"/apps/{bench.slug}/deliveries/{delivery_id}/resend"
    return str(bench.owner.post(path, body, status=202)["delivery_id"])


def test_a_delivered_one_is_sent_again_with_changes(bench: Bench) -> None:
    bench.script("work", "return ctx.event.queue.payload")
    bench.trigger("queue", script="work", queue="jobs")
    bench.route("send", "ctx.queue('jobs').send(ctx.event.http.json)")
    bench.call("send", {"n": 1}, status=204)
    [item] = eventually(lambda: bench.owner.get(f"/apps/{bench.slug}/deliveries?state=delivered")["items"])
    first = ended(bench, item["id"], "delivered")
    assert (first["origin_id"], first["event"]["queue"]["payload"]) == (None, {"n": 1})
    second = ended(bench, resent(bench, first["id"], {"queue": {"payload": {"n": 2}}}), "delivered")
    assert result(bench, second) == {"n": 2}
    assert second["event"]["queue"]["name"] == "jobs"
    assert second["event_id"] != first["event_id"]
    assert (second["origin_id"], second["trace_id"]) == (first["id"], first["trace_id"])
    assert (second["trigger_id"], second["max_attempts"]) == (first["trigger_id"], first["max_attempts"])
    third = ended(bench, resent(bench, second["id"]), "delivered")
    assert (result(bench, third), third["origin_id"]) == ({"n": 2}, second["id"])
    listed = bench.owner.get(f"/apps/{bench.slug}/deliveries")["items"]
    assert {each["id"]: each["origin_id"] for each in listed}[third["id"]] == second["id"]


def test_a_dead_one_is_sent_again_and_stays_dead(bench: Bench) -> None:
    bench.script("work", "if ctx.event.queue.payload == 'bad':\n    ctx.fail('bad')")
    bench.trigger("queue", script="work", queue="jobs")
    bench.route("send", "ctx.queue('jobs').send('bad')")
    bench.call("send", status=204)
    [letter] = eventually(lambda: bench.owner.get(f"/apps/{bench.slug}/dead-letters")["items"])
    ended(bench, resent(bench, letter["id"], {"queue": {"payload": "good"}}), "delivered")
    ended(bench, letter["id"], "dead")


def test_the_body_of_a_call_is_given_as_text(bench: Bench) -> None:
    bench.route("work", "return ctx.event.http.text")
    headers = {"Prefer": "respond-async"}
    queued = bench.app.post(f"/run/{bench.slug}/work", "one", headers=headers, status=202)
    first = ended(bench, queued.json["delivery_id"], "delivered")
    second = ended(bench, resent(bench, first["id"], {"http": {"text": "two"}}), "delivered")
    assert (result(bench, first), result(bench, second)) == ("one", "two")


def test_attachments_stay_readable(app: TestApp, owner: Client, bench: Bench) -> None:
    inbox, content = Inbox(owner, source=HANDLER), b"a file" * 1_000
    ran = run(app, inbox, content)
    bench.slug = inbox.slug
    again = ended(bench, resent(bench, ran["delivery_id"], {"email": {"subject": "Once more"}}), "delivered")
    assert again["event"]["email"]["subject"] == "Once more"
    assert result(bench, again) == [["a.bin", len(content), hashlib.sha256(content).hexdigest(), True]]
    stranger = {"filename": "x", "content_type": "a/b", "id": str(uuid4())}
    named = ended(bench, resent(bench, again["id"], {"email": {"attachments": [stranger]}}), "delivered")
    assert "id" not in named["event"]["email"]["attachments"][0]
    inline = stranger | {"content": base64.b64encode(b"new").decode()}
    assert len(resent(bench, again["id"], {"email": {"attachments": [inline]}})) == 36


def test_what_does_not_fit_is_refused_with_its_place(bench: Bench) -> None:
    bench.script("work", "return 1")
    trigger = bench.trigger("queue", script="work", queue="jobs")
    queued = bench.owner.post(f"/apps/{bench.slug}/triggers/{trigger['id']}/test", status=202)
    path = f"/apps/{bench.slug}/deliveries/{queued['delivery_id']}/resend"
    for event, pointer in (
        ({"queue": {"nam": "x"}}, "/event/queue/nam"),
        ({"queue": {"name": 1}}, "/event/queue/name"),
        ({"queue": []}, "/event/queue"),
        ({"cron": {}}, "/event/cron"),
        ({"smoke": {}}, "/event/smoke"),
    ):
        problem = bench.owner.post(path, {"event": event}, status=422)
        assert problem["errors"][0]["pointer"] == pointer
    bench.owner.post(f"/apps/{bench.slug}/deliveries/{uuid4()}/resend", status=404)
    other = bench.owner.new_app()
    bench.owner.post(f"/apps/{other}/deliveries/{queued['delivery_id']}/resend", status=404)
