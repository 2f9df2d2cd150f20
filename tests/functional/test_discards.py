"""Dead letters are put out of sight and brought back, one and many, and exported."""

import json

from tests.functional.bench import Bench
from tests.functional.client import ADMIN
from tests.functional.test_replays_api import jobs, letters

__all__ = ["jobs"]


def test_one_is_discarded_and_restored(jobs: Bench) -> None:
    jobs.call("send", ["V"], status=204)
    [letter] = letters(jobs, 1)
    one = f"/apps/{jobs.slug}/dead-letters/{letter['id']}"
    assert "dead" in jobs.owner.post(f"{one}/restore", status=409)["detail"]
    jobs.owner.delete(one)
    assert letters(jobs, 0) == []
    [discarded] = letters(jobs, 1, "?state=discarded")
    assert discarded["discarded_at"] is not None
    jobs.owner.get(one, status=404)
    assert jobs.owner.post(f"{one}/restore", status=200)["discarded_at"] is None
    assert jobs.owner.get(one)["event"]["queue"] == {"name": "jobs", "payload": {"fail": "V"}}
    jobs.owner.post(f"{one}/replay", status=202)


def test_many_are_discarded_and_that_is_undone(jobs: Bench) -> None:
    jobs.call("send", ["V", "K", "V"], status=204)
    letters(jobs, 3)
    path = f"/apps/{jobs.slug}/dead-letters"
    first = jobs.owner.post(f"{path}/discard", {"filter": {"error_type": "ValueError"}, "limit": 1}, status=200)
    assert (first["discarded"], first["more"]) == (1, True)
    second = jobs.owner.post(f"{path}/discard", {"filter": {}}, status=200)
    assert (second["discarded"], second["more"]) == (2, False)
    undone = jobs.owner.post(f"{path}/restore", {"filter": {"discarded_at": second["discarded_at"]}}, status=200)
    assert undone == {"restored": 2, "more": False}
    letters(jobs, 2)
    [left] = letters(jobs, 1, "?state=discarded")
    other = jobs.owner.new_app()
    nothing = jobs.owner.post(f"/apps/{other}/dead-letters/restore", {"filter": {"ids": [left["id"]]}}, status=200)
    assert nothing["restored"] == 0
    problem = jobs.owner.post(f"{path}/discard", {"filter": {"discarded_at": "2026-01-01"}}, status=422)
    assert problem["errors"][0]["pointer"] == "/filter/discarded_at"


def test_an_export_has_a_line_for_each_that_matches(jobs: Bench) -> None:
    jobs.call("send", ["V", "K", "V"], status=204)
    letters(jobs, 3)
    path = f"{ADMIN}/apps/{jobs.slug}/dead-letters/export"
    answer = jobs.app.get(f"{path}?error_type=ValueError", headers=jobs.owner.headers)
    assert answer.content_type == "application/jsonl"
    assert f"dead-letters-{jobs.slug}.jsonl" in answer.headers["Content-Disposition"]
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert [line["event"]["queue"]["payload"] for line in lines] == [{"fail": "V"}] * 2
    assert lines[0]["id"] < lines[1]["id"]
    assert jobs.app.get(f"{path}?state=discarded", headers=jobs.owner.headers).body == b""
    jobs.app.get(f"{path}?stat=dead", headers=jobs.owner.headers, status=422)
