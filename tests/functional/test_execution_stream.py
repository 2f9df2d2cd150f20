"""Executions as server-sent events, from a real `picloud serve`."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import pytest

from picloud.postgres import Cluster, find_bindir
from tests.functional.client import ADMIN, check_problem, eventually, unique
from tests.functional.event_stream import EventStream, ServerSent, streaming
from tests.functional.serving import Serving

pytestmark = pytest.mark.xdist_group("execution_stream")

SCRIPT = """
def handler(ctx):
    if ctx.event.http.query.get("fail"):
        raise ValueError("no")
    return "yes"
"""
SEATS = 12


@dataclass(frozen=True)
class World:
    """An app with two scripts, each with a route of its name."""

    serving: Serving
    app: str

    @classmethod
    def make(cls, serving: Serving) -> "World":
        owner, app = serving.owner, serving.owner.new_app()
        for name in ("one", "two"):
            owner.script(app, name, SCRIPT)
            owner.route(app, "GET", f"/{name}", name)
        return cls(serving, app)

    @property
    def path(self) -> str:
        return f"{ADMIN}/apps/{self.app}/executions/stream"

    @contextmanager
    def stream(self, query: str = "", key: str = "", **headers: str) -> Iterator[EventStream]:
        """As soon as there is a seat for it."""
        with ExitStack() as stack:
            yield eventually(lambda: self._try(stack, query, key or self.serving.key, headers))

    def _try(self, stack: ExitStack, query: str, key: str, headers: dict[str, str]) -> EventStream | None:
        stream = stack.enter_context(streaming(self.serving, self.path + query, key, **headers))
        assert stream.answer.status in (200, 503), stream.answer.read()
        return stream if stream.answer.status == 200 else None

    def call(self, name: str = "one", *, fail: bool = False) -> None:
        answer = self.serving.request(f"/run/{self.app}/{name}" + ("?fail=1" if fail else ""))
        assert answer.status_int == (502 if fail else 200)

    def recorded(self) -> list[str]:
        """Oldest first."""
        return [item["id"] for item in reversed(self.serving.owner.all(f"/apps/{self.app}/executions"))]

    def call_often(self, count: int) -> list[str]:
        """The ids, oldest first, once all are recorded."""
        before = len(self.recorded())
        for _ in range(count):
            self.call()
        return eventually(lambda: found if len(found := self.recorded()[before:]) == count else None)


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A server that can be stopped under PiCloud."""
    cluster = Cluster(tmp_path_factory.mktemp("given"), bindir=find_bindir(os.environ))
    cluster.start()
    yield cluster
    cluster.stop()


@pytest.fixture(scope="module")
def serving(given: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """With fewer database connections than streams: none may hold one."""
    url = given.url.replace("postgresql+psycopg2://", "postgresql://")
    environ = {"PICLOUD_DATABASE_URL": url, "PICLOUD_DATABASE_POOL_SIZE": "2", "PICLOUD_WEB_THREADS": "4"}
    serving = Serving(tmp_path_factory.mktemp("stream"), **environ)
    serving.start_and_wait()
    yield serving
    serving.end()


@pytest.fixture
def world(serving: Serving) -> World:
    return World.make(serving)


def ids(events: list[ServerSent]) -> list[str]:
    assert {event.name for event in events} <= {"execution"}, events
    return [event.data["id"] for event in events]


def test_what_ends_comes_in_order_and_as_the_list_has_it(world: World) -> None:
    with world.stream() as stream:
        headers = stream.answer.headers
        assert headers["Content-Type"] == "text/event-stream; charset=utf-8"
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Accel-Buffering"] == "no"
        calls = world.call_often(5)
        events = stream.next(5)
    assert ids(events) == calls
    assert [event.id for event in events] == calls
    listed = world.serving.owner.get(f"/apps/{world.app}/executions")["items"]
    assert [event.data for event in events] == listed[::-1]


def test_deliveries_are_streamed_as_calls_are(world: World) -> None:
    owner = world.serving.owner
    trigger = owner.post(f"/apps/{world.app}/triggers/queue", {"script": "one", "queue": "work"})
    sample = f"/apps/{world.app}/triggers/{trigger['id']}/test"
    with world.stream("?kind=queue") as of_kind, world.stream(f"?trigger_id={trigger['id']}") as of_trigger:
        world.call()
        sent = owner.post(sample, status=202)
        [event], [same] = of_kind.next(1), of_trigger.next(1)
    assert event.data == same.data
    assert event.data["kind"] == "queue"
    assert event.data["delivery_id"] == sent["delivery_id"]


def test_filters(world: World) -> None:
    with world.stream("?script=two") as of_two, world.stream("?status=error") as failed:
        world.call("one")
        world.call("one", fail=True)
        world.call("two")
        assert [event.data["script"] for event in of_two.next(1)] == ["two"]
        assert [event.data["status"] for event in failed.next(1)] == ["error"]
    for query in ("?status=what", "?scirpt=two", "?after=what"):
        world.serving.owner.get(f"/apps/{world.app}/executions/stream{query}", status=422)


def test_it_resumes_after_the_last_id(world: World) -> None:
    first = world.call_often(1)
    missed = world.call_often(3)
    with world.stream(**{"Last-Event-ID": first[0]}) as stream:
        live = world.call_often(1)
        assert ids(stream.next(4)) == missed + live
    with world.stream(f"?after={missed[-1]}") as stream:
        assert ids(stream.next(1)) == live


def test_a_gap_is_told(world: World) -> None:
    first = world.call_often(1)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: world.call(), range(205)))
    eventually(lambda: len(world.recorded()) == 206)
    with world.stream(**{"Last-Event-ID": first[0]}) as stream:
        *missed, gap = stream.next(201)
    assert len(ids(missed)) == 200
    assert (gap.name, gap.id) == ("gap", None)
    assert gap.data == {"reason": "too_many_missed", "after": missed[-1].data["id"]}


def test_another_apps_are_never_seen(world: World, serving: Serving) -> None:
    other = World.make(serving)
    with world.stream() as stream:
        other.call_often(3)
        own = world.call_often(1)
        assert ids(stream.next(1)) == own


def test_seats_are_limited_and_given_back(world: World) -> None:
    with ExitStack() as stack:
        streams = [stack.enter_context(world.stream()) for _ in range(SEATS)]
        refused = world.serving.request(world.path, headers={"Authorization": f"Bearer {world.serving.key}"})
        assert refused.status_int == 503
        assert int(refused.headers["Retry-After"]) > 0
        check_problem(refused)
        assert refused.json["code"] == "too_many_streams"
        # Four threads, two connections, and twelve streams: the rest goes on.
        world.call_often(8)
        assert all(len(stream.next(8)) == 8 for stream in streams)
        streams[0].close()
        stack.enter_context(world.stream())


def test_rights_are_looked_at_again(world: World) -> None:
    owner = world.serving.owner
    made = owner.post("/api-keys", {"name": unique("key"), "scopes": ["log:read"]})
    with world.stream(key=made["key"]) as stream:
        live = world.call_often(1)
        assert ids(stream.next(1)) == live
        owner.delete(f"/api-keys/{made['id']}")
        [end] = stream.next(5)
    assert (end.name, end.data) == ("end", {"reason": "not_allowed"})


def test_it_stays_while_the_database_is_away(world: World, given: Cluster) -> None:
    with world.stream() as stream:
        given.stop()
        [away] = stream.next(1)
        assert (away.name, away.data) == ("database", {"state": "away"})
        given.start()
        [back] = stream.next(1)
        assert (back.name, back.data) == ("database", {"state": "back"})
        eventually(world.serving.is_ready)
        live = world.call_often(1)
        assert ids(stream.next(1)) == live


def test_it_does_not_keep_the_server_from_stopping(world: World) -> None:
    with world.stream() as stream:
        assert world.serving.stop() == 0
        [end] = stream.next(5)
    world.serving.start_and_wait()
    assert (end.name, end.data) == ("end", {"reason": "stopping"})


def test_another_nodes_executions_are_seen(world: World, tmp_path_factory: pytest.TempPathFactory) -> None:
    environ = world.serving.environ()
    folder = tmp_path_factory.mktemp("second")
    second = Serving(
        folder,
        PICLOUD_DATABASE_URL=environ["PICLOUD_DATABASE_URL"],
        PICLOUD_MASTER_KEY_FILE=str(world.serving.data_dir / "master.key"),
    )
    try:
        second.start_and_wait()
        with world.stream() as stream:
            assert second.request(f"/run/{world.app}/one").status_int == 200
            [event] = stream.next(1)
            assert [event.data["id"]] == world.recorded()
    finally:
        second.end()
