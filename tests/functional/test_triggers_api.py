"""The rules that every trigger obeys."""

from typing import Any

import pytest
from webtest import TestApp

from picloud.domain.kinds import InstanceRole
from picloud.process import Process
from tests.functional.client import Client
from tests.functional.conftest import make_key

ENDPOINT = "def handler(ctx):\n    return None\n"
MODULE = "def double(x):\n    return 2 * x\n"


@pytest.fixture
def slug(owner: Client) -> str:
    slug = owner.new_app()
    owner.script(slug, "target", ENDPOINT)
    owner.script(slug, "helper", MODULE, "module")
    return slug


def pointers(problem: Any) -> list[str]:
    return [error["pointer"] for error in problem["errors"]]


def test_what_is_left_out_takes_the_instance_s_default_and_is_stored(owner: Client, slug: str) -> None:
    made = owner.email_trigger(slug, "target")
    again = owner.get(f"/apps/{slug}/triggers/{made['id']}")
    assert again == made
    assert (made["max_attempts"], made["backoff_base_s"], made["backoff_cap_s"]) == (3, 0.05, 0.2)
    assert (made["timeout_s"], made["dispatch_mode"], made["enabled"]) == (30.0, "async", True)
    assert made["priority"] == "normal"
    assert (made["kind"], made["script"], made["provider"]) == ("email", "target", "normalized")
    assert (made["has_inbound_secret"], made["ack_status"]) == (False, 202)
    assert made["inbound_url"].endswith(f"/api/v1/email-inbound/{made['app_id']}/{made['id']}")
    assert made["registered_by"] == owner.get("/me")["id"]
    assert "inbound_secret" not in made


def test_given_fields_are_kept_and_can_be_changed(owner: Client, slug: str) -> None:
    fields = {"max_attempts": 7, "backoff_base_s": 2, "backoff_cap_s": 60, "timeout_s": 5, "enabled": False}
    fields |= {"priority": "high"}
    made = owner.email_trigger(slug, "target", dispatch_mode="sync", **fields)
    assert {name: made[name] for name in fields} == fields
    path = f"/apps/{slug}/triggers/{made['id']}"
    changed = owner.patch(path, {"enabled": True, "max_attempts": 2, "ack_status": 200, "priority": "low"})
    assert (changed["enabled"], changed["max_attempts"], changed["ack_status"]) == (True, 2, 200)
    assert (changed["backoff_base_s"], changed["priority"]) == (2, "low")
    owner.delete(path)
    owner.get(path, status=404)


def test_a_generated_secret_is_shown_once(owner: Client, slug: str) -> None:
    made = owner.email_trigger(slug, "target", inbound_secret="generate")
    assert made["inbound_secret"].startswith("whsec_")
    assert made["has_inbound_secret"] is True
    path = f"/apps/{slug}/triggers/{made['id']}"
    assert "inbound_secret" not in owner.get(path)
    given = owner.email_trigger(slug, "target", inbound_secret="a secret of mine")
    assert "inbound_secret" not in given
    assert owner.patch(path, {"inbound_secret": None})["has_inbound_secret"] is False


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"script": "helper"}, "/script"),
        ({"script": "nobody"}, "/script"),
        ({}, "/script"),
        ({"script": "target", "max_attempts": 0}, "/max_attempts"),
        ({"script": "target", "max_attempts": "many"}, "/max_attempts"),
        ({"script": "target", "backoff_base_s": -1}, "/backoff_base_s"),
        ({"script": "target", "backoff_base_s": 10, "backoff_cap_s": 1}, "/backoff_cap_s"),
        ({"script": "target", "timeout_s": 1e9}, "/timeout_s"),
        ({"script": "target", "dispatch_mode": "later"}, "/dispatch_mode"),
        ({"script": "target", "priority": "urgent"}, "/priority"),
        ({"script": "target", "provider": "pigeon"}, "/provider"),
        ({"script": "target", "ack_status": 204}, "/ack_status"),
        ({"script": "target", "inbound_secret": "whsec_!!!"}, "/inbound_secret"),
        ({"script": "target\x00"}, "/script"),
    ],
)
def test_bad_fields_are_422_with_a_pointer(owner: Client, slug: str, fields: dict[str, Any], pointer: str) -> None:
    problem = owner.post(f"/apps/{slug}/triggers/email", fields, status=422)
    assert pointers(problem) == [pointer]


def test_a_script_of_another_app_is_422(owner: Client, slug: str) -> None:
    other = owner.new_app()
    owner.script(other, "theirs", ENDPOINT)
    problem = owner.post(f"/apps/{slug}/triggers/email", {"script": "theirs"}, status=422)
    assert pointers(problem) == ["/script"]
    made = owner.email_trigger(slug, "target")
    owner.patch(f"/apps/{slug}/triggers/{made['id']}", {"script": "theirs"}, status=422)


def test_a_trigger_through_another_app_s_path_is_404(owner: Client, slug: str) -> None:
    made = owner.email_trigger(slug, "target", inbound_secret="generate")
    other = owner.new_app()
    path = f"/apps/{other}/triggers/{made['id']}"
    owner.get(path, status=404)
    owner.patch(path, {"enabled": False}, status=404)
    owner.delete(path, status=404)
    owner.post(f"/apps/{other}/triggers/email/{made['id']}/rotate-secret", {}, status=404)
    assert owner.get(f"/apps/{slug}/triggers/{made['id']}")["enabled"] is True


def test_unknown_app_is_404_and_a_member_without_a_role_gets_403(owner: Client, app: TestApp, process: Process) -> None:
    slug = owner.new_app()
    owner.script(slug, "target", ENDPOINT)
    made = owner.email_trigger(slug, "target")
    owner.post("/apps/no-such-app/triggers/email", {"script": "target"}, status=404)
    member = Client(app, make_key(process, InstanceRole.MEMBER))
    member.post(f"/apps/{slug}/triggers/email", {"script": "target"}, status=403)
    member.get(f"/apps/{slug}/triggers/{made['id']}", status=403)
    member.get(f"/apps/{slug}/triggers/nonsense", status=403)


def test_the_list_holds_all_triggers_in_pages(owner: Client, slug: str) -> None:
    ids = [owner.email_trigger(slug, "target")["id"] for _ in range(3)]
    first = owner.get(f"/apps/{slug}/triggers?limit=2")
    second = owner.get(f"/apps/{slug}/triggers?limit=2&after={first['next']}")
    assert [item["id"] for item in first["items"] + second["items"]] == ids
    assert second["next"] is None
