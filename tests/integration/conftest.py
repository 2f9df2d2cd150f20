"""A world with an app in it, and dispatchers that deliver in it."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session, sessionmaker

from picloud.crypto import MasterKey
from picloud.dispatcher.dispatcher import Dispatcher
from picloud.domain.access import Scope
from picloud.domain.delivery import RetryPolicy
from picloud.domain.ids import uuid7
from picloud.domain.kinds import EventKind, InstanceRole, ScriptKind
from picloud.models import App, Script, ScriptVersion, User
from picloud.sandbox_pool.executor import Executor
from picloud.sandbox_pool.pool import Pool
from picloud.services.changes import code_changed
from picloud.services.code.app_code import AppCodeCache
from picloud.services.code.runner import Runner, RunResult
from picloud.services.delivery.outbox import OutboxService
from picloud.services.executions.recorder import Recorder
from picloud.services.principals import Principal
from picloud.services.replays.replays import ReplayService, ReplayVersion
from picloud.services.runs.effects import EffectsFactory
from picloud.services.runs.sync_runs import SyncRuns
from picloud.services.sessions import session_factory
from picloud.services.wakeup import Wakeup
from picloud.settings import Settings
from tests.pace import PATIENCE, UNCONFINED

PATIENCE_S = 60.0 * PATIENCE
QUICK = RetryPolicy(max_attempts=3, backoff_base_s=0.01, backoff_cap_s=0.02, timeout_s=10)
TABLES = "apps, users, outbox, dead_letters, events, executions, scripts"


@pytest.fixture(scope="session")
def executor() -> Iterator[Executor]:
    executor = Executor(accept_unconfined=UNCONFINED)
    yield executor
    executor.close()


@pytest.fixture(scope="session")
def pool(executor: Executor) -> Iterator[Pool]:
    pool = Pool(executor, size=2, spares=1)
    yield pool
    pool.close()


class Gate(Runner):
    """A runner whose runs have ended, but stay in hand until the gate is opened. `changed` may alter what they ended as."""

    def __init__(self, pool: Pool, settings: Settings) -> None:
        super().__init__(pool, settings)
        self.reached = threading.Semaphore(0)
        self.opened = threading.Event()
        self.changed: Callable[[RunResult], RunResult] = lambda result: result

    def run(self, *args: Any, **kwargs: Any) -> RunResult:
        result = self.changed(super().run(*args, **kwargs))
        self.reached.release()
        assert self.opened.wait(PATIENCE_S)
        return result

    def wait_until_reached(self) -> None:
        """By one run more."""
        assert self.reached.acquire(timeout=PATIENCE_S)


@dataclass
class Node:
    """What one process has: a wake-up, sessions, a cache of code, and a dispatcher."""

    wakeup: Wakeup
    app_codes: AppCodeCache
    sessions: sessionmaker[Session]
    dispatcher: Dispatcher
    gate: Gate
    effects: EffectsFactory


@dataclass
class World:
    engine: Engine
    pool: Pool
    settings: Settings
    recorder: Recorder
    app_id: UUID = field(default_factory=uuid7)
    user_id: UUID = field(default_factory=uuid7)

    def __post_init__(self) -> None:
        self.older_threads = set(threading.enumerate())
        self.idle_node = self._node(self.settings)
        with self.sessions.begin() as session:
            session.execute(text(f"TRUNCATE {TABLES} CASCADE"))
            session.add(User(id=self.user_id, email="ada@example.com", role=InstanceRole.OWNER))
            session.add(App(id=self.app_id, slug="app", name="App"))

    @property
    def sessions(self) -> sessionmaker[Session]:
        """Sessions that wake no dispatcher but that of `idle_node`, which is not started."""
        return self.idle_node.sessions

    @property
    def principal(self) -> Principal:
        return Principal(self.user_id, "ada@example.com", InstanceRole.OWNER, scopes=frozenset(Scope))

    def _node(self, settings: Settings) -> Node:
        wakeup, codes, gate = Wakeup(), AppCodeCache(self.engine), Gate(self.pool, settings)
        sessions = session_factory(self.engine, wakeup, codes.invalidate)
        sync_runs = SyncRuns(gate, settings.sandbox_workers)
        effects = EffectsFactory(sessions, MasterKey(b"k" * 32), settings, sync_runs, self.recorder)
        dispatcher = Dispatcher(self.engine, gate, codes, wakeup, settings, effects)
        return Node(wakeup, codes, sessions, dispatcher, gate, effects)

    @contextmanager
    def node(self, *, gated: bool = False, start: bool = True, **changed: Any) -> Iterator[Node]:
        """A started node; stopped at the end. `gated`: nothing that it runs is settled before its gate is opened."""
        node = self._node(replace(self.settings, **changed))
        if not gated:
            node.gate.opened.set()
        if start:
            node.dispatcher.start()
        try:
            yield node
        finally:
            node.gate.opened.set()
            node.dispatcher.stop(10)

    def script(
        self, source: str, name: str = "main", kind: ScriptKind = ScriptKind.ENDPOINT, app_id: UUID | None = None
    ) -> UUID:
        with self.sessions.begin() as session:
            script = Script(app_id=app_id or self.app_id, name=name, kind=kind, active_version=1)
            session.add(script)
            session.flush()
            session.add(ScriptVersion(script_id=script.id, number=1, source=source))
            return script.id

    def save(self, script_id: UUID, source: str, sessions: sessionmaker[Session] | None = None) -> None:
        """Make and activate the script's next version."""
        with (sessions or self.sessions).begin() as session:
            script = session.get_one(Script, script_id)
            script.active_version += 1
            session.add(ScriptVersion(script_id=script_id, number=script.active_version, source=source))
            session.flush()
            code_changed(session, script.app_id)

    def enqueue(
        self,
        script_id: UUID,
        payload: Mapping[str, Any] | None = None,
        *,
        policy: RetryPolicy = QUICK,
        node: Node | None = None,
        times: int = 1,
        **more: Any,
    ) -> list[UUID]:
        """Deliveries to the script, committed at once. `node`: the one that is woken."""
        with (node or self.idle_node).sessions.begin() as session:
            outbox = OutboxService(session, backlog_max=1000)
            wanted = {"app_id": self.app_id, "kind": EventKind.MANUAL, "payload": payload or {}} | more
            return [outbox.enqueue(script_id=script_id, policy=policy, **wanted) for _ in range(times)]

    @contextmanager
    def outbox(self, node: Node | None = None) -> Iterator[OutboxService]:
        """A service whose work is committed at the end."""
        with (node or self.idle_node).sessions.begin() as session:
            yield OutboxService(session, backlog_max=1000)

    def replay(
        self,
        letter: UUID,
        version: ReplayVersion = ReplayVersion.CURRENT,
        node: Node | None = None,
        app: UUID | None = None,
    ) -> None:
        """Committed at once."""
        with (node or self.idle_node).sessions.begin() as session:
            ReplayService(session, app or self.app_id, principal=self.principal).one(letter, version)

    def rows(self, query: str, **parameters: Any) -> list[Any]:
        with self.engine.connect() as connection:
            return list(connection.execute(text(query), parameters))

    def is_ours(self, thread: int | None) -> bool:
        """Whether the thread of this identity, by `threading`, was started by this world: others live as long as the tests."""
        return thread not in {one.ident for one in self.older_threads if one.is_alive()}

    def change(self, statement: str, **parameters: Any) -> None:
        with self.engine.begin() as connection:
            connection.execute(text(statement), parameters)

    def waiting(self) -> list[Any]:
        return self.rows("SELECT *, due > now() AS later FROM outbox ORDER BY id")

    def executions(self, delivery_id: UUID | None = None) -> list[Any]:
        """In the order in which they were made."""
        query = "SELECT * FROM executions WHERE delivery_id = :id OR CAST(:id AS uuid) IS NULL ORDER BY attempt, id"
        return self.rows(query, id=delivery_id)

    def dead(self) -> list[Any]:
        return self.rows("SELECT * FROM dead_letters ORDER BY id")

    def until(self, condition: Callable[[], Any]) -> Any:
        """What `condition` returns, once that is true."""
        deadline = time.monotonic() + PATIENCE_S
        while not (found := condition()):
            assert time.monotonic() < deadline, f"not in {PATIENCE_S:.0f} s: {self.waiting()} {self.executions()}"
            time.sleep(0.02)
        return found


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        data_dir=tmp_path, sandbox_workers=2, sandbox_wait_s=20 * PATIENCE, handler_cpu_ms=int(2_000 * PATIENCE)
    )


@pytest.fixture(scope="session")
def recorder(engine: Engine) -> Iterator[Recorder]:
    recorder = Recorder(engine)
    yield recorder
    recorder.close()


@pytest.fixture
def world(engine: Engine, pool: Pool, settings: Settings, recorder: Recorder) -> World:
    return World(engine, pool, settings, recorder)
