"""The cache of what apps run."""

import threading
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import event

from picloud.domain.errors import NotFound
from picloud.domain.kinds import RouteAccess, ScriptKind
from picloud.models import App, Route
from picloud.services.changes import code_changed
from picloud.services.code import app_code
from picloud.services.code.app_code import AppCodeCache
from tests.integration.conftest import World


@pytest.fixture
def cache(world: World) -> AppCodeCache:
    return AppCodeCache(world.engine)


def add_app(world: World, slug: str, source: str) -> UUID:
    app_id = uuid4()
    with world.sessions.begin() as session:
        session.add(App(id=app_id, slug=slug, name=slug))
    world.script(source, app_id=app_id)
    return app_id


def test_an_app_as_it_is_stored(world: World, cache: AppCodeCache) -> None:
    main, tools = world.script("main source"), world.script("tools source", "tools", ScriptKind.MODULE)
    world.save(main, "newer source")
    world.change("UPDATE apps SET limits = '{\"cpu_ms\": 50}', isolation = 'per_event', http_allow = '{example.org}'")
    world.change("UPDATE scripts SET limits = '{\"wall_ms\": 70}' WHERE name = 'main'")
    with world.sessions.begin() as session:
        session.add(Route(app_id=world.app_id, method="GET", path="/x", script_id=main, access=RouteAccess.KEY))
    app = cache.by_id(world.app_id)
    assert (app.app_id, app.slug, app.isolation, app.limits) == (world.app_id, "app", "per_event", {"cpu_ms": 50})
    assert app.http_allow == ("example.org",)
    assert set(app.scripts) == {main, tools}
    script = app.scripts[main]
    assert (script.name, script.kind, script.version, script.source) == ("main", ScriptKind.ENDPOINT, 2, "newer source")
    assert script.limits == {"wall_ms": 70}
    [route] = app.routes
    assert (route.method, route.path, route.script_id, route.access) == ("GET", "/x", main, RouteAccess.KEY)
    assert cache.by_slug("app") is app is cache.by_id(world.app_id)


def test_unknown_apps_are_not_found(world: World, cache: AppCodeCache) -> None:
    for look in (lambda: cache.by_id(uuid4()), lambda: cache.by_slug("nobody")):
        with pytest.raises(NotFound):
            look()


def test_a_bundle_is_the_script_and_the_modules(world: World, cache: AppCodeCache) -> None:
    main, other = world.script("a = 1"), world.script("b = 1", "other")
    tools = world.script("c = 1", "tools", ScriptKind.MODULE)
    app = cache.by_id(world.app_id)
    bundle = app.bundle(main)
    assert (bundle.entry, bundle.sources) == ("main", {"main": "a = 1", "tools": "c = 1"})
    assert app.bundle(main) is bundle
    assert app.bundle(other).key != bundle.key
    for nothing in (tools, uuid4()):
        with pytest.raises(NotFound):
            app.bundle(nothing)


def test_the_key_changes_with_what_counts_and_with_nothing_else(world: World) -> None:
    main, other = world.script("a = 1"), world.script("b = 1", "other")
    tools = world.script("c = 1", "tools", ScriptKind.MODULE)

    def key() -> str:
        return AppCodeCache(world.engine).by_id(world.app_id).bundle(main).key

    first = key()
    world.save(other, "b = 2")
    assert key() == first
    world.save(tools, "c = 2")
    second = key()
    assert second != first
    world.save(main, "a = 2")
    assert key() not in (first, second)
    world.save(main, "a = 1")
    assert key() == second


def test_two_scripts_are_not_one_that_spells_the_same(world: World) -> None:
    main = world.script("1tools2")
    first = AppCodeCache(world.engine).by_id(world.app_id).bundle(main).key
    world.save(main, "1")
    world.script("2", "tools", ScriptKind.MODULE)
    assert AppCodeCache(world.engine).by_id(world.app_id).bundle(main).key != first


def test_code_that_changed_is_loaded_again_after_the_commit(world: World) -> None:
    node = world.idle_node
    main = world.script("a = 1")
    first = node.app_codes.by_id(world.app_id)
    assert node.app_codes.by_id(world.app_id) is first
    world.save(main, "a = 2", node.sessions)
    assert node.app_codes.by_id(world.app_id).scripts[main].source == "a = 2"
    assert node.app_codes.by_slug("app").scripts[main].version == 2


def test_a_change_that_is_rolled_back_changes_nothing(world: World) -> None:
    cache = world.idle_node.app_codes
    first = cache.by_id(world.app_id)
    with world.sessions() as session:
        code_changed(session, world.app_id)
        session.rollback()
        session.commit()
    assert cache.by_id(world.app_id) is first


def test_invalidate_without_an_app_forgets_all(world: World, cache: AppCodeCache) -> None:
    other = add_app(world, "other", "x")
    before = cache.by_id(world.app_id), cache.by_id(other)
    cache.invalidate(other)
    assert cache.by_id(world.app_id) is before[0]
    assert cache.by_id(other) is not before[1]
    cache.invalidate()
    assert cache.by_id(world.app_id) is not before[0]


def test_a_renamed_app_is_found_under_its_new_name_only(world: World, cache: AppCodeCache) -> None:
    cache.by_slug("app")
    world.change("UPDATE apps SET slug = 'new'")
    cache.invalidate(world.app_id)
    assert cache.by_slug("new").slug == "new"
    with pytest.raises(NotFound):
        cache.by_slug("app")


def test_a_load_that_an_invalidation_overtakes_is_not_kept(world: World, cache: AppCodeCache) -> None:
    """The app changes after the load has read it and before the load is stored."""
    main = world.script("a = 1")
    overtaken: list[Any] = []

    def overtake(*_: Any) -> None:
        if not overtaken:
            overtaken.append(True)
            changer = threading.Thread(target=lambda: (world.save(main, "a = 2"), cache.invalidate(world.app_id)))
            changer.start()
            changer.join()

    event.listen(world.engine, "after_cursor_execute", overtake)
    try:
        stale = cache.by_id(world.app_id)
    finally:
        event.remove(world.engine, "after_cursor_execute", overtake)
    assert stale.scripts[main].source == "a = 1"
    assert cache.by_id(world.app_id).scripts[main].source == "a = 2"


def test_the_cache_keeps_what_was_used_last_within_its_size(world: World) -> None:
    source = "x" * 10_000
    ids = [add_app(world, f"app-{n}", source) for n in range(3)]
    cache = AppCodeCache(world.engine, max_bytes=2 * (10_000 + app_code._APP_BYTES))
    first, second = cache.by_id(ids[0]), cache.by_id(ids[1])
    assert cache.by_id(ids[0]) is first
    cache.by_id(ids[2])
    assert cache.by_id(ids[0]) is first
    assert cache.by_id(ids[1]) is not second
