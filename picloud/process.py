"""Puts a process together: database, key, sandbox, dispatcher. Starts it and ends it in order."""

from dataclasses import dataclass

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from picloud.crypto import MasterKey
from picloud.dispatcher.dispatcher import Dispatcher
from picloud.dispatcher.notices import Notifier
from picloud.domain.parts import WHOLE, Part
from picloud.models.connection_pool import EmptyingPool
from picloud.models.engine import make_engine
from picloud.models.migrator import bring_up_to_date
from picloud.sandbox_pool.executor import Executor
from picloud.sandbox_pool.pool import Pool
from picloud.services.apps.certificates import Certificates
from picloud.services.apps.hosts import AppHosts
from picloud.services.code.app_code import AppCodeCache
from picloud.services.code.runner import Runner
from picloud.services.delivery.completions import Completions
from picloud.services.email.inbound_requests import InboundRequests
from picloud.services.email.large_bodies import LargeBodies
from picloud.services.executions.feed import ExecutionFeed
from picloud.services.executions.lookout import ExecutionLookout
from picloud.services.executions.recorder import Recorder
from picloud.services.instance.disk import DiskGuard
from picloud.services.keyring.key_file import master_key_file
from picloud.services.keyring.master_keys import MasterKeyService
from picloud.services.runs.callers import Callers
from picloud.services.runs.effects import EffectsFactory
from picloud.services.runs.http_runs import HttpRuns
from picloud.services.runs.script_tests import ScriptTests
from picloud.services.runs.sync_runs import SyncRuns
from picloud.services.runtime import Runtime
from picloud.services.sessions import session_factory
from picloud.services.wakeup import Wakeup
from picloud.settings import Settings, SettingsError


@dataclass(frozen=True, slots=True)
class Process:
    """All that runs behind the web server."""

    runtime: Runtime
    engine: Engine
    dispatcher: Dispatcher
    lookout: ExecutionLookout

    @classmethod
    def start(
        cls, settings: Settings, *, executor: Executor | None = None, database_url: str = "", part: Part = WHOLE
    ) -> "Process":
        """Migrates, opens the key, starts the dispatcher. Raises SettingsError, KeyFileError, MigrationError, and
        SQLAlchemyError.

        `executor`: one that was started before anything heavy was imported. `database_url`: the embedded server's.
        """
        url = database_url or settings.database_url
        if not url:
            raise SettingsError("PICLOUD_DATABASE_URL is not set. `picloud serve` runs a PostgreSQL of its own.")
        engine = make_engine(url, pool_size=settings.database_pool_size)
        bring_up_to_date(engine)
        runtime, wakeup = _runtime(
            settings,
            engine,
            executor or Executor(accept_unconfined=settings.sandbox_i_accept_unconfined_handlers),
            part,
        )
        dispatcher = Dispatcher(
            engine,
            runtime.runner,
            runtime.app_codes,
            wakeup,
            settings,
            runtime.effects,
            completions=runtime.completions,
            feed=runtime.execution_feed,
            delivers=part.delivers,
            schedules=part.schedules,
            notifier=Notifier(runtime.master_key, settings.data_dir, runtime.pool.held_back, runtime.outbound),
        )
        dispatcher.start()
        lookout = ExecutionLookout(engine, runtime.execution_feed)
        lookout.start()
        return cls(runtime, engine, dispatcher, lookout)

    def stop(self, timeout_s: float) -> None:
        """Runs under way have `timeout_s` to end; what does not goes back to the outbox."""
        self.runtime.execution_feed.close()
        self.dispatcher.stop(timeout_s)
        self.runtime.recorder.close()
        self.runtime.inbound_requests.write()
        self.runtime.pool.close()
        self.lookout.join(timeout_s)
        self.runtime.app_codes.close()
        self.engine.dispose()


def _runtime(settings: Settings, engine: Engine, executor: Executor, part: Part) -> tuple[Runtime, Wakeup]:
    master_key = _master_key(settings, engine)  # first: a wrong key starts no thread and no worker
    app_codes = AppCodeCache(make_engine(engine.url, pool_size=1, pool=EmptyingPool))
    wakeup = Wakeup()
    sessions = session_factory(engine, wakeup, app_codes.invalidate)
    pool = Pool(
        executor,
        size=settings.sandbox_workers,
        spares=part.spare_workers,
        spare_memory_bytes=settings.handler_memory_bytes,
    )
    execution_feed = ExecutionFeed(most=settings.streams_max)
    runner, recorder = Runner(pool, settings), Recorder(engine, execution_feed)
    effects = EffectsFactory(sessions, master_key, settings, SyncRuns(runner, settings.sandbox_workers), recorder)
    runtime = Runtime(
        settings=settings,
        part=part,
        disk=DiskGuard.of(settings),
        master_key=master_key,
        sessions=sessions,
        executor=executor,
        pool=pool,
        app_codes=app_codes,
        app_hosts=AppHosts(engine, app_codes),
        runner=runner,
        recorder=recorder,
        execution_feed=execution_feed,
        completions=Completions(),
        effects=effects,
        http_runs=HttpRuns(runner, effects, recorder, settings),
        script_tests=ScriptTests(runner, effects, settings),
        callers=Callers(settings.callers_max),
        inbound_requests=InboundRequests(engine),
        large_bodies=LargeBodies(),
        certificates=Certificates(),
    )
    return runtime, wakeup


def _master_key(settings: Settings, engine: Engine) -> MasterKey:
    with Session(engine) as session, session.begin():
        return MasterKeyService(session).open(master_key_file(settings))
