"""What helps to write a trigger: schedules in words, entries that globs match, and what senders of mail need."""

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from picloud.process import Process
from tests.functional.client import Client

_MANY = text("""
    INSERT INTO kv_entries (app_id, collection, key, value, version, size_bytes)
    SELECT :app_id, 'many', n::text, '1', 1, 10 FROM generate_series(1, 1001) AS n
""")


@pytest.fixture(scope="module")
def slug(owner: Client) -> str:
    return owner.new_app()


def test_a_schedule_is_said_in_words_with_its_next_times(owner: Client, slug: str) -> None:
    query = "schedule=30%209%20*%20*%201-5&timezone=Europe/Berlin"
    said = owner.get(f"/apps/{slug}/triggers/cron/preview?{query}")
    assert said["words"] == "At 09:30 every weekday, Europe/Berlin"
    assert len(said["next_times"]) == 5
    refused = owner.get(f"/apps/{slug}/triggers/cron/preview?schedule=often", status=422)
    assert refused["errors"][0]["pointer"] == "/schedule"
    owner.script(slug, "work", "def handler(ctx):\n    return None\n")
    made = owner.post(f"/apps/{slug}/triggers/cron", {"script": "work", "schedule": "0 12 13 * 5"})
    assert made["words"] == "At 12:00 on the 13th day of month or on Friday, UTC"


@pytest.mark.parametrize(
    ("collection", "key", "entries"),
    [
        ("orders", "*", 3),
        ("orders", "a%3F", 2),
        ("orders*", "*", 4),
        ("orders_", "*", 0),
        ("orders", "100%25", 1),
        ("order%3F", "a*", 2),
        ("", "", 4),
        ("nothing", "*", 0),
    ],
)
def test_globs_match_what_a_trigger_would_be_run_for(
    owner: Client, slug: str, collection: str, key: str, entries: int
) -> None:
    for place in ("orders/a1", "orders/a2", "orders/100%25", "orders-x/b"):
        owner.call("PUT", f"/apps/{slug}/kv/{place}", {"value": 1}, status=200)
    found = owner.get(f"/apps/{slug}/triggers/kv/preview?collection_glob={collection}&key_glob={key}")
    assert found == {"entries": entries, "more": False}


def test_more_than_a_thousand_entries_are_not_counted(owner: Client, process: Process) -> None:
    slug = owner.new_app()
    app_id = owner.get(f"/apps/{slug}")["id"]
    with Session(process.engine) as session, session.begin():
        session.execute(_MANY, {"app_id": app_id})
    found = owner.get(f"/apps/{slug}/triggers/kv/preview?collection_glob=many")
    assert found == {"entries": 1000, "more": True}


def test_the_guide_names_the_fields_of_a_message_and_how_to_set_a_provider_up(owner: Client, slug: str) -> None:
    guide = owner.get(f"/apps/{slug}/triggers/email/guide?provider=mailgun")
    assert "signing key" in guide["setup"]
    assert guide["generates_secret"] is False
    assert "postmark" in guide["providers"]
    assert [each["name"] for each in guide["fields"] if each["required"]][:2] == ["from", "to"]
    owner.get(f"/apps/{slug}/triggers/email/guide?provider=pigeon", status=422)
