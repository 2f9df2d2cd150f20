"""Events kept by a name to try a script out with, and what runs asked their host for."""

from uuid import uuid4

from webtest import TestApp

from tests.functional.bench import Bench
from tests.functional.browsing import browser, email, form_to, said, signed_in
from tests.functional.client import eventually

__all__ = ["browser", "email", "signed_in"]


def test_a_sample_is_kept_listed_and_forgotten(bench: Bench) -> None:
    bench.script("work", "return 1")
    path = f"/apps/{bench.slug}/scripts/work/samples"
    event = {"kind": "queue", "queue": {"name": "q", "payload": {"n": 1}}}
    made = bench.owner.post(path, {"name": "one", "event": event})
    assert (made["name"], made["kind"], made["event"]["queue"]) == ("one", "queue", event["queue"])
    bench.owner.post(path, {"name": "one", "event": event}, status=409)
    assert bench.owner.post(f"/apps/{bench.slug}/scripts/work/test", {"event": made["event"]}, status=200)
    assert [item["id"] for item in bench.owner.get(path)["items"]] == [made["id"]]
    for body, pointer in (
        ({"name": "", "event": event}, "/name"),
        ({"name": "x", "event": {"kind": "smoke"}}, "/event/kind"),
        ({"name": "x", "event": {"kind": "queue", "queue": {"payload": "x" * 70_000}}}, "/event"),
    ):
        assert bench.owner.post(path, body, status=422)["errors"][0]["pointer"] == pointer
    bench.script("other", "return 1")
    bench.owner.delete(f"/apps/{bench.slug}/scripts/other/samples/{made['id']}", status=404)
    bench.owner.delete(f"{path}/{uuid4()}", status=404)
    bench.owner.delete(f"{path}/{made['id']}")
    assert bench.owner.get(path)["items"] == []


def test_the_event_of_a_run_becomes_a_sample_of_the_panel(signed_in: TestApp, bench: Bench) -> None:
    bench.route("work", "return 1")
    bench.call("work", {"n": 7})
    [run] = eventually(lambda: bench.executions("http"))
    page = signed_in.get(f"/apps/{bench.slug}/executions/{run['id']}")
    form = form_to(page, "/samples")
    form["name"] = "seven"
    panel = form.submit(status=303).follow()
    link = panel.html.find("a", string="seven")
    filled = signed_in.get(link["href"].partition("#")[0])
    assert "client_ip" in filled.html.find(id="event").text
    assert "already" in said(form.submit(status=409))
    [sample] = bench.owner.get(f"/apps/{bench.slug}/scripts/work/samples")["items"]
    form = form_to(panel, "/scripts/work")
    form.action = f"/apps/{bench.slug}/scripts/work/samples/{sample['id']}/delete"
    form.submit(status=303)
    assert bench.owner.get(f"/apps/{bench.slug}/scripts/work/samples")["items"] == []


def test_a_run_tells_what_it_asked_for_and_no_values(signed_in: TestApp, bench: Bench) -> None:
    bench.owner.put(f"/apps/{bench.slug}/secrets/TOKEN", {"value": "hidden-value"})
    body = "ctx.kv('c').set('k', 'a value')\nctx.kv('c').set(ctx.secrets['TOKEN'], 1)\nctx.queue('q').send('a message')"
    bench.script("takes", "return 1")
    bench.trigger("queue", script="takes", queue="q")
    bench.route("work", body)
    bench.route("outside", "ctx.http.get('https://elsewhere.example/a/path?with=query')")
    bench.route("calm", "return 1")
    bench.call("work", status=204)
    bench.call("outside", status=502)
    bench.call("calm")
    runs = eventually(lambda: len(found := bench.executions("http")) == 3 and found)
    calls = {run["script"]: run["host_calls"] for run in runs}
    called = [(call["verb"], call["target"], call["ok"]) for call in calls["work"]]
    assert called == [
        ("kv.set", "c/k", True),
        ("secrets.get", "TOKEN", True),
        ("kv.set", "c/***", True),
        ("queue.send", "q", True),
    ]
    assert [(call["target"], call["ok"]) for call in calls["outside"]] == [("GET elsewhere.example", False)]
    assert calls["calm"] == []
    [run] = [run for run in runs if run["script"] == "work"]
    assert all(call["took_ms"] > 0 for call in calls["work"])
    page = signed_in.get(f"/apps/{bench.slug}/executions/{run['id']}").html.main.text
    assert "kv.set" in page
    assert "hidden-value" not in page


def test_only_the_first_calls_are_kept(bench: Bench) -> None:
    bench.route("work", "for n in range(60):\n    ctx.kv('c').get(str(n))\nreturn 1")
    bench.call("work")
    [run] = eventually(lambda: bench.executions("http"))
    assert [call["target"] for call in run["host_calls"]] == [f"c/{n}" for n in range(50)]
