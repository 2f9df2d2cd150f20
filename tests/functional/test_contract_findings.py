"""What a tester found who went through the contract sentence by sentence."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from pyramid.request import Request
from sqlalchemy import Engine
from webtest import TestApp

from picloud.domain.kinds import InstanceRole
from picloud.models.migrator import bring_up_to_date
from picloud.models.revisions import current_revision, newest_revision
from picloud.process import Process
from picloud.views import run
from tests.functional.bench import Bench
from tests.functional.client import ADMIN, Client, check_problem
from tests.functional.conftest import make_key

ONE = "def handler(ctx):\n    return 1\n"
JSON = {"Content-Type": "application/json"}


def test_an_endpoint_s_name_may_have_dashes(owner: Client, app: TestApp) -> None:
    bench = Bench(owner, app)
    bench.route("on-mail", "return [ctx.script, 1 // ctx.event.http.json]")
    assert bench.call("on-mail", 1) == ["on-mail", 1]
    failed = bench.call("on-mail", 0, status=502)
    run = owner.get(f"/apps/{bench.slug}/executions/{failed['execution_id']}")
    assert (run["script"], run["error"]["script"], run["error"]["line"]) == ("on-mail", "on-mail", 2)
    assert bench.trigger("queue", script="on-mail", queue="q")["script"] == "on-mail"
    checked = owner.post(f"/apps/{bench.slug}/check-script", {"name": "on-mail", "source": ONE}, status=200)
    assert checked["problems"] == []


@pytest.mark.parametrize(("name", "kind"), [("a-b", "module"), ("-a", "endpoint"), ("a.b", "endpoint")])
def test_a_module_is_named_as_it_is_imported(owner: Client, name: str, kind: str) -> None:
    slug, body = owner.new_app(), {"name": name, "kind": kind, "source": ONE}
    for path in ("scripts", "check-script"):
        problem = owner.post(f"/apps/{slug}/{path}", body, status=422)
        assert [error["pointer"] for error in problem["errors"]] == ["/name"]


def test_who_has_an_answer_finds_its_record(owner: Client, app: TestApp) -> None:
    bench = Bench(owner, app)
    bench.route("it", "return 1 // ctx.event.http.json")
    for _ in range(5):
        failed = bench.call("it", 0, status=502)
        assert owner.get(f"/apps/{bench.slug}/executions/{failed['execution_id']}")["status"] == "error"
    bench.call("it", 1)
    assert owner.get(f"/apps/{bench.slug}/executions?status=ok")["items"]


def test_what_is_made_comes_with_its_tag(owner: Client, app: TestApp) -> None:
    slug = owner.new_app()
    at = f"/apps/{slug}"
    kinds: dict[str, Any] = {
        "kv": {"collection_glob": "c"},
        "cron": {"schedule": "0 0 1 1 *"},
        "email": {"inbound_secret": "generate"},
        "dead_letter": {},
        "queue": {"queue": "q"},
    }
    made: list[tuple[str, Any, str]] = [
        ("/apps", {"slug": f"{slug}-b", "name": "B"}, "/apps/{id}"),
        (f"{at}/scripts", {"name": "it", "source": ONE}, at + "/scripts/it"),
        (f"{at}/scripts/it/versions/1/activate", {}, at + "/scripts/it"),
        (f"{at}/routes", {"method": "GET", "path": "/it", "script": "it"}, at + "/routes/{id}"),
        *(
            (f"{at}/triggers/{kind}", {"script": "it"} | fields, at + "/triggers/{id}")
            for kind, fields in kinds.items()
        ),
    ]
    for path, body, place in made:
        answer = app.post_json(ADMIN + path, body, headers=owner.headers)
        read = app.get(ADMIN + place.format(**answer.json), headers=owner.headers)
        assert answer.headers["ETag"] == read.headers["ETag"], path


def test_a_key_bound_to_another_app_finds_no_route(owner: Client, app: TestApp, process: Process) -> None:
    bench, elsewhere = Bench(owner, app), owner.new_app()
    bench.script("it", "return 1")
    owner.route(bench.slug, "GET", "/it", "it", access="key")
    for slug, status in ((bench.slug, 200), (elsewhere, 404)):
        bound = Client(app, make_key(process, InstanceRole.OWNER, app_id=owner.get(f"/apps/{slug}")["id"]))
        app.get(f"/run/{bench.slug}/it", headers=bound.headers, status=status)


@pytest.mark.parametrize("where", ["/there", "there?x=1", "//example.com/x", "https://example.com/"])
def test_where_a_handler_sends_its_caller_is_its_own_affair(owner: Client, app: TestApp, where: str) -> None:
    bench = Bench(owner, app)
    bench.route("it", f"return (303, None, {{'Location': {where!r}}})")
    assert app.post(f"/run/{bench.slug}/it", status=303).headers["Location"] == where


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'{"from": NaN}', b'{"a": 1, "a": 2}'])
def test_bad_input_is_told_with_errors_always(owner: Client, app: TestApp, body: bytes) -> None:
    bench = Bench(owner, app)
    bench.script("it", "return 1")
    inbound = "/" + bench.trigger("email", script="it")["inbound_url"].split("/", 3)[3]
    answers: list[Any] = [
        app.post(inbound, body, headers=JSON, status=422),
        app.post(f"{ADMIN}/apps", body, headers=owner.headers | JSON, status=400),
    ]
    for answer in answers:
        check_problem(answer)
        assert [error["pointer"] for error in answer.json["errors"]] == [""]


def test_migrations_are_ours_wherever_one_stands(
    empty_database: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`python -m` looks for modules in the working folder first: an older clone, or anything else."""
    (tmp_path / "picloud").mkdir()
    (tmp_path / "picloud" / "__init__.py").write_text("raise SystemExit('not ours')\n")
    monkeypatch.chdir(tmp_path)
    bring_up_to_date(empty_database)
    with empty_database.connect() as connection:
        assert current_revision(connection) == newest_revision()


def test_a_long_query_costs_what_it_is_long() -> None:
    def spent_s(names: int) -> float:
        request = Request.blank("/run/a/b?" + "&".join(f"a{n}=first&a{n}=last" for n in range(names)))
        before = time.thread_time()
        assert set(run._query(request).values()) == {"first"}
        return time.thread_time() - before

    assert min(spent_s(3_000) for _ in range(3)) < 40 * min(spent_s(300) for _ in range(3)), "100 times: the square"


def test_writers_with_a_cold_cache_do_not_wait_for_each_other_s_connections(
    owner: Client, app: TestApp, process: Process
) -> None:
    slug, together = owner.new_app(), Barrier(16)

    def put(n: int) -> int:
        together.wait()
        path = f"{ADMIN}/apps/{slug}/kv/box/{n}"
        status: int = app.put_json(path, {"value": n}, headers=owner.headers, status="*", expect_errors=True).status_int
        return status

    for _ in range(3):
        process.runtime.app_codes.invalidate()
        with ThreadPoolExecutor(16) as threads:
            assert set(threads.map(put, range(16))) == {200}


def test_of_many_who_make_an_entry_one_does(owner: Client, app: TestApp) -> None:
    slug, together = owner.new_app(), Barrier(8)
    once = owner.headers | {"If-None-Match": "*"}

    def put(at: tuple[int, int]) -> int:
        round_number, n = at
        together.wait()
        path = f"{ADMIN}/apps/{slug}/kv/box/{round_number}"
        status: int = app.put_json(path, {"value": n}, headers=once, status="*", expect_errors=True).status_int
        return status

    for round_number in range(3):
        with ThreadPoolExecutor(8) as threads:
            assert sorted(threads.map(put, [(round_number, n) for n in range(8)])) == [200] + 7 * [412]


def test_many_doctors_do_not_wait_for_each_other_s_connections(owner: Client, app: TestApp) -> None:
    together = Barrier(12)

    def look(_: int) -> int:
        together.wait()
        status: int = app.get(f"{ADMIN}/doctor", headers=owner.headers, status="*").status_int
        return status

    with ThreadPoolExecutor(12) as threads:
        assert set(threads.map(look, range(12))) == {200}
