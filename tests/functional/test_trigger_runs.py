"""What a trigger did of late, as lists and single triggers show it."""

from typing import Any

from tests.functional.client import Client, eventually

FAILS = "def handler(ctx):\n    raise ValueError('no good')\n"
WORKS = "def handler(ctx):\n    return None\n"


def fired(owner: Client, trigger: Any) -> Any:
    """The trigger after a sample event of it has ended."""
    path = f"/apps/{trigger['app_id']}/triggers/{trigger['id']}"
    delivery = owner.post(f"{path}/test", status=202)["delivery_id"]
    ended = f"/apps/{trigger['app_id']}/deliveries/{delivery}"
    eventually(lambda: owner.get(ended)["state"] in ("delivered", "dead"))
    shown = owner.get(path)
    assert shown["last_delivery_id"] == delivery
    return shown


def test_the_last_run_of_a_trigger_and_its_failures_in_a_row_are_shown(owner: Client) -> None:
    slug = owner.new_app()
    owner.script(slug, "work", FAILS)
    body = {"script": "work", "queue": "jobs", "max_attempts": 2}
    trigger = owner.post(f"/apps/{slug}/triggers/queue", body)
    quiet = owner.post(f"/apps/{slug}/triggers/queue", body | {"queue": "other"})
    assert (trigger["last_fired_at"], trigger["last_result"], trigger["failures_in_a_row"]) == (None, None, 0)
    shown = fired(owner, trigger)
    assert (shown["last_result"], shown["failures_in_a_row"]) == ("dead", 2)
    run = owner.get(f"/apps/{slug}/executions/{shown['last_execution_id']}")
    assert (run["started_at"], run["attempt"]) == (shown["last_fired_at"], 2)
    assert fired(owner, trigger)["failures_in_a_row"] == 4
    owner.put(f"/apps/{slug}/scripts/work", {"source": WORKS})
    shown = fired(owner, trigger)
    assert (shown["last_result"], shown["failures_in_a_row"]) == ("ok", 0)
    listed = {each["id"]: each["last_result"] for each in owner.get(f"/apps/{slug}/triggers")["items"]}
    assert listed == {trigger["id"]: "ok", quiet["id"]: None}


def test_a_run_that_will_be_tried_again_has_failed_and_is_not_dead(owner: Client) -> None:
    slug = owner.new_app()
    owner.script(slug, "work", FAILS)
    body = {"script": "work", "queue": "jobs", "max_attempts": 3, "backoff_base_s": 600, "backoff_cap_s": 600}
    path = f"/apps/{slug}/triggers/{owner.post(f'/apps/{slug}/triggers/queue', body)['id']}"
    owner.post(f"{path}/test", status=202)
    eventually(lambda: owner.get(path)["last_result"])
    assert owner.get(path)["last_result"] == "failed"


def test_a_run_is_no_change_of_its_trigger(owner: Client) -> None:
    slug = owner.new_app()
    owner.script(slug, "work", WORKS)
    trigger = owner.post(f"/apps/{slug}/triggers/queue", {"script": "work", "queue": "jobs"})
    path = f"/api/v1/admin/apps/{slug}/triggers/{trigger['id']}"
    before = owner.app.get(path, headers=owner.headers).etag
    fired(owner, trigger)
    assert owner.app.get(path, headers=owner.headers).etag == before
