"""A word in the path that stands for nothing gets a problem that helps."""

import pytest

from tests.functional.client import Client


@pytest.mark.parametrize("kind", ["sms", "kvs", "Queue", "dead-letter"])
def test_an_unknown_kind_of_trigger_names_those_that_there_are(owner: Client, kind: str) -> None:
    path = f"/apps/{owner.new_app()}/triggers"
    told = owner.post(f"{path}/{kind}", {"script": "work"}, status=404)["detail"]
    assert all(f"`{each}`" in told for each in (kind, "kv", "cron", "email", "dead_letter", "queue"))


def test_a_trigger_of_its_own_takes_no_post(owner: Client) -> None:
    slug = owner.new_app()
    owner.script(slug, "work", "def handler(ctx):\n    return 1\n")
    made = owner.post(f"/apps/{slug}/triggers/queue", {"script": "work", "queue": "jobs"})
    owner.post(f"/apps/{slug}/triggers/{made['id']}", {}, status=405)
    owner.put(f"/apps/{slug}/triggers/{made['id']}", {}, status=405)
