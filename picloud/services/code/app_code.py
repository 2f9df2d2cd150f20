"""What an app runs, in memory: active sources, routes, limits. Loaded when needed, dropped when changed."""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from threading import Lock
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Engine, select

from picloud.domain.errors import NotFound
from picloud.domain.kinds import RouteAccess, ScriptKind
from picloud.models import App, Route, Script, ScriptVersion
from picloud.sandbox_pool.job import CodeBundle
from picloud.services.code.app_triggers import AppTriggers

MAX_BYTES = 64 * 1024 * 1024
"""Size of the sources that a cache keeps."""
_APP_BYTES = 4096
"""What an app without sources is counted as."""


@dataclass(frozen=True, slots=True)
class ScriptCode:
    """A script at its active version. `limits` narrow the app's."""

    id: UUID
    name: str
    kind: ScriptKind
    version: int
    source: str
    limits: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class RouteCode:
    id: UUID
    method: str
    path: str
    script_id: UUID
    access: RouteAccess


@dataclass(frozen=True, slots=True)
class AppCode:
    """All that a run of one of the app's scripts needs to know."""

    app_id: UUID
    slug: str
    isolation: str
    limits: Mapping[str, int]
    http_allow: tuple[str, ...]
    scripts: Mapping[UUID, ScriptCode]
    routes: tuple[RouteCode, ...]
    triggers: AppTriggers
    _bundles: dict[UUID, CodeBundle] = field(default_factory=dict, repr=False, compare=False)

    def bundle(self, script_id: UUID) -> CodeBundle:
        """The script's source and those of the modules that it may import. Raises NotFound."""
        bundle = self._bundles.get(script_id)
        if bundle is None:
            entry = self.scripts.get(script_id)
            if entry is None or entry.kind is not ScriptKind.ENDPOINT:
                raise NotFound("The app has no such endpoint script.")
            bundle = self._bundles[script_id] = _bundle(entry, self.scripts.values())
        return bundle

    def draft(self, script_id: UUID, source: str) -> "AppCode":
        """The same app with another source of this script, as version 0."""
        script = replace(self.scripts[script_id], source=source, version=0)
        return replace(self, scripts={**self.scripts, script_id: script}, _bundles={})

    def size_bytes(self) -> int:
        return _APP_BYTES + sum(len(script.source) for script in self.scripts.values())


class AppCodeCache:
    """The apps used of late. Safe for threads; holds no connection while it waits for nothing."""

    def __init__(self, engine: Engine, *, max_bytes: int = MAX_BYTES) -> None:
        """`engine`: with connections for this alone. Who asks may hold one already, and all who do must not wait for
        each other's."""
        self._engine = engine
        self._max_bytes = max_bytes
        self._lock = Lock()
        self._apps: OrderedDict[UUID, AppCode] = OrderedDict()
        self._slugs: dict[str, UUID] = {}
        self._bytes = 0
        self._generation = 0

    @property
    def generation(self) -> int:
        """Another number after every change."""
        return self._generation

    def by_id(self, app_id: UUID) -> AppCode:
        """Raises NotFound, and SQLAlchemy's errors where the database is away."""
        return self._get(lambda: app_id, lambda: App.id == app_id)

    def by_slug(self, slug: str) -> AppCode:
        """Raises NotFound, and SQLAlchemy's errors where the database is away."""
        return self._get(lambda: self._slugs.get(slug), lambda: App.slug == slug)

    def invalidate(self, app_id: UUID | None = None) -> None:
        """Forget the app, or all of them. What is being loaded right now will not be kept."""
        with self._lock:
            self._generation += 1
            for known in [app_id] if app_id else list(self._apps):
                self._drop(known)

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    def _get(self, find: Callable[[], UUID | None], condition: Callable[[], ColumnElement[bool]]) -> AppCode:
        with self._lock:
            app_id, generation = find(), self._generation
            if app_id and (app := self._apps.get(app_id)):
                self._apps.move_to_end(app_id)
                return app
        with self._engine.connect() as connection:
            app = _load(connection, condition())
        with self._lock:
            if generation == self._generation:
                self._keep(app)
        return app

    def _keep(self, app: AppCode) -> None:
        self._drop(app.app_id)
        self._apps[app.app_id], self._slugs[app.slug] = app, app.app_id
        self._bytes += app.size_bytes()
        while self._bytes > self._max_bytes:
            self._drop(next(iter(self._apps)))

    def _drop(self, app_id: UUID) -> None:
        if app := self._apps.pop(app_id, None):
            self._bytes -= app.size_bytes()
            self._slugs.pop(app.slug, None)


def _bundle(entry: ScriptCode, scripts: Iterable[ScriptCode]) -> CodeBundle:
    sources = {script.name: script.source for script in scripts if script.kind is ScriptKind.MODULE}
    sources[entry.name] = entry.source
    digest = hashlib.sha256(entry.name.encode() + b"\0")
    for name, source in sorted(sources.items()):
        for text in (name, source):
            encoded = text.encode("utf-8", "surrogatepass")
            digest.update(b"%d:" % len(encoded) + encoded)
    return CodeBundle(digest.hexdigest(), entry.name, sources)


def _load(connection: Connection, condition: ColumnElement[bool]) -> AppCode:
    """One read-only transaction with one snapshot, so that scripts and routes fit together."""
    connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    table = App.__table__
    app = connection.execute(select(table).where(condition)).one_or_none()
    if app is None:
        raise NotFound("There is no such app.")
    return AppCode(
        app.id,
        app.slug,
        app.isolation,
        app.limits,
        tuple(app.http_allow),
        {script.id: script for script in _scripts(connection, app.id)},
        tuple(_routes(connection, app.id)),
        AppTriggers.load(connection, app.id),
    )


def _scripts(connection: Connection, app_id: UUID) -> Iterator[ScriptCode]:
    active = (ScriptVersion.script_id == Script.id) & (ScriptVersion.number == Script.active_version)
    query = (
        select(Script.id, Script.name, Script.kind, ScriptVersion.number, ScriptVersion.source, Script.limits)
        .join(ScriptVersion, active)
        .where(Script.app_id == app_id)
    )
    for id_, name, kind, version, source, limits in connection.execute(query):
        yield ScriptCode(id_, name, ScriptKind(kind), version, source, limits)


def _routes(connection: Connection, app_id: UUID) -> Iterator[RouteCode]:
    query = select(Route.id, Route.method, Route.path, Route.script_id, Route.access).where(Route.app_id == app_id)
    for id_, method, path, script_id, access in connection.execute(query.order_by(Route.id)):
        yield RouteCode(id_, method, path, script_id, RouteAccess(access))
