"""What happened of late, in figures: for all apps, for one, and for who may see only some."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy.orm import Session
from webtest import TestApp

from picloud.domain.access import Scope
from picloud.domain.ids import lower_bound, uuid7
from picloud.domain.kinds import InstanceRole
from picloud.models import Execution
from picloud.process import Process
from picloud.services.instance.hours import Hour, HourCache
from tests.functional.bench import Bench
from tests.functional.browsing import browser, email, signed_in
from tests.functional.client import Client, eventually
from tests.functional.conftest import make_key

__all__ = ["browser", "email", "signed_in"]

NOW = datetime(2031, 5, 6, 12, 30, tzinfo=UTC)


def at(hours: float) -> datetime:
    """So many hours after the full one of NOW."""
    return NOW.replace(minute=0) + timedelta(hours=hours)


def ran(app_id: UUID, ended: float, *, began: float = 0, came: float | None = None, **more: object) -> Execution:
    """An execution with what counts; with `came`, of a delivery."""
    event_id = lower_bound(at(came)) if came is not None else lower_bound(at(ended))
    values = {
        "id": UUID(int=lower_bound(at(ended)).int + 1),
        "app_id": app_id,
        "event_id": event_id,
        "delivery_id": event_id if came is not None else None,
        "script_id": app_id,
        "script": "s",
        "kind": "queue",
        "attempt": 1,
        "max_attempts": 1,
        "status": "ok",
        "started_at": at(began or ended),
        "wall_ms": 10.0,
        "cpu_ms": 1.0,
        "memory_peak_bytes": 0,
        "limits": {},
        "logs": [],
        "trace_id": event_id,
    }
    return Execution(**values | more)


@pytest.fixture
def session(process: Process) -> Iterator[Session]:
    with Session(process.engine) as session:
        yield session
        session.rollback()


@pytest.fixture
def app_id(owner: Client) -> UUID:
    return UUID(owner.get(f"/apps/{owner.new_app()}")["id"])


def day(session: Session, app_id: UUID, cache: HourCache | None = None, now: datetime = NOW) -> list[Hour]:
    return list((cache or HourCache()).last_day(session, {"everything": False, "app_ids": [app_id]}, now))


def test_hours_tell_what_ran_and_who_waited(session: Session, app_id: UUID) -> None:
    failed = {"status": "error", "wall_ms": 500.0}
    session.add_all([ran(app_id, -2.5), ran(app_id, -2.4, **failed), ran(app_id, 0.2, came=-2.2)])
    session.flush()
    hours = day(session, app_id)
    assert [hour.at for hour in hours] == [at(number) for number in range(-23, 1)]
    assert [(hour.runs, hour.failed) for hour in hours[-3:]] == [(0, 0), (0, 0), (1, 0)]
    [third] = [hour for hour in hours if hour.at == at(-3)]
    assert (third.runs, third.failed, third.longest_wait_s) == (2, 1, None)
    assert third.p95_ms == pytest.approx(475.5)
    assert [hour.waiting for hour in hours[-4:]] == [1, 1, 1, 0]
    assert hours[-1].longest_wait_s == pytest.approx(2.4 * 3600)


def test_retries_wait_too_and_dead_letters_do_not(session: Session, app_id: UUID) -> None:
    tried, replayed = uuid7(), uuid7()
    failed = {"status": "error", "max_attempts": 3, "came": -4.5}
    session.add_all(
        [
            ran(app_id, -4.4, delivery_id=tried, **failed),
            ran(app_id, -2.4, delivery_id=tried, attempt=2, **failed),
            ran(app_id, 0.2, delivery_id=tried, attempt=3, max_attempts=3, came=-4.5),
            ran(app_id, -4.3, delivery_id=replayed, status="error", came=-4.5),
            ran(app_id, 0.3, delivery_id=replayed, attempt=2, max_attempts=2, came=-4.5),
        ]
    )
    session.flush()
    assert [hour.waiting for hour in day(session, app_id)[-6:]] == [1, 1, 1, 1, 1, 0]


def test_what_waits_for_a_retry_now_is_counted(owner: Client) -> None:
    slug = owner.new_app()
    owner.script(slug, "bad", "def handler(ctx):\n    raise ValueError('no')\n")
    policy = {"max_attempts": 3, "backoff_base_s": 5000, "backoff_cap_s": 5000}
    trigger = owner.post(f"/apps/{slug}/triggers/queue", {"script": "bad", "queue": "jobs"} | policy)
    owner.post(f"/apps/{slug}/triggers/{trigger['id']}/test", {}, status=202)
    eventually(lambda: owner.get(f"/apps/{slug}/deliveries?state=retrying")["items"])
    it = owner.get(f"/apps/{slug}/overview")
    assert (it["waiting"], it["hours"][-1]["waiting"]) == (1, 1)


def test_what_is_over_is_counted_once(session: Session, app_id: UUID) -> None:
    cache = HourCache()
    session.add(ran(app_id, -0.5))
    session.flush()
    assert sum(hour.runs for hour in day(session, app_id, cache)) == 1
    session.add_all([ran(app_id, -0.4), ran(app_id, 0.1)])
    session.flush()
    assert [hour.runs for hour in day(session, app_id, cache)[-2:]] == [1, 1]
    assert [hour.runs for hour in day(session, app_id)[-2:]] == [2, 1]
    just_after = at(1) + timedelta(seconds=30)
    day(session, app_id, cache, just_after)
    session.add(ran(app_id, 0.99))
    session.flush()
    assert [hour.runs for hour in day(session, app_id, cache, just_after)[-2:]] == [2, 0]


def test_an_app_and_the_whole_are_shown(bench: Bench, process: Process, signed_in: TestApp) -> None:
    bench.route("good", "return 1")
    bench.route("bad", "raise ValueError('no good')")
    bench.call("good")
    bench.call("bad", status=502)
    bench.trigger("cron", script="good", schedule="0 7 * * *")
    path = f"/apps/{bench.slug}/overview"
    it = eventually(lambda: (found := bench.owner.get(path))["runs"] == 2 and found)
    assert (it["failed"], it["waiting"], it["dead"], len(it["hours"])) == (1, 0, 0, 24)
    assert it["p95_ms"] > 0
    assert [(item["app"], item["error"]["message"]) for item in it["failures"]] == [(bench.slug, "no good")]
    assert [(item["script"], item["schedule"]) for item in it["crons"]] == [("good", "0 7 * * *")]
    whole = bench.owner.get("/overview")
    assert whole["runs"] >= 2
    assert whole["steps"] == {"app": True, "script": True, "cause": True, "run": True}
    assert 0 < whole["box"]["disk_free_bytes"] < whole["box"]["disk_total_bytes"]
    assert whole["box"]["database_bytes"] > 1_000_000
    assert whole["box"]["resident_server_bytes"] > 1_000_000
    page = signed_in.get(f"/apps/{bench.slug}")
    assert "no good" in page.html.main.text
    assert len(page.html.main.find_all("svg", role="img")) == 6
    assert sum(hour["runs"] for hour in it["hours"]) == 2
    rows = page.html.find("details").tbody("tr")[:2]  # an hour may have begun since
    assert any("2" in [cell.text for cell in row("td")[1:]] for row in rows)
    page = signed_in.get("/")
    assert "database" in page.html.main.text
    assert "First steps" not in page.text


def test_a_member_sees_the_figures_of_own_apps_and_nothing_of_the_machine(
    app: TestApp, process: Process, bench: Bench
) -> None:
    bench.route("good", "return 1")
    bench.call("good")
    eventually(lambda: bench.owner.get(f"/apps/{bench.slug}/overview")["runs"])
    member = Client(app, make_key(process, InstanceRole.MEMBER, email="figures@example.com"))
    it = member.get("/overview")
    assert (it["runs"], it["box"], it["steps"]["app"]) == (0, None, False)
    user = member.get("/me")["user"]["id"] if "user" in member.get("/me") else member.get("/me")["id"]
    bench.owner.put(f"/apps/{bench.slug}/members/{user}", {"role": "viewer"})
    assert member.get("/overview")["runs"] == 1
    scoped = make_key(process, InstanceRole.MEMBER, (Scope.SCRIPT_READ,), email="figures@example.com")
    Client(app, scoped).get("/overview", status=403)
    app_id = UUID(bench.owner.get(f"/apps/{bench.slug}")["id"])
    bound = Client(app, make_key(process, InstanceRole.OWNER, app_id=app_id))
    assert (bound.get("/overview")["runs"], bound.get("/overview")["box"]) == (1, None)
