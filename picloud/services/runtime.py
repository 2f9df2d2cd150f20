"""What a process is made of, put together once by `picloud.app` and handed to whoever needs it."""

from dataclasses import dataclass

from sqlalchemy.orm import Session, sessionmaker

from picloud.crypto import MasterKey
from picloud.domain.clock import Clock, utc_now
from picloud.sandbox_pool.executor import Executor
from picloud.sandbox_pool.pool import Pool
from picloud.services.app_code import AppCodeCache
from picloud.services.app_hosts import AppHosts
from picloud.services.callers import Callers
from picloud.services.certificates import Certificates
from picloud.services.completions import Completions
from picloud.services.effects import EffectsFactory
from picloud.services.execution_feed import ExecutionFeed
from picloud.services.http_runs import HttpRuns
from picloud.services.inbound_requests import InboundRequests
from picloud.services.large_bodies import LargeBodies
from picloud.services.recorder import Recorder
from picloud.services.runner import Runner
from picloud.services.script_tests import ScriptTests
from picloud.settings import Settings


@dataclass(frozen=True, slots=True)
class Runtime:
    settings: Settings
    master_key: MasterKey
    sessions: sessionmaker[Session]
    executor: Executor
    pool: Pool
    app_codes: AppCodeCache
    app_hosts: AppHosts
    runner: Runner
    recorder: Recorder
    execution_feed: ExecutionFeed
    completions: Completions
    effects: EffectsFactory
    http_runs: HttpRuns
    script_tests: ScriptTests
    callers: Callers
    inbound_requests: InboundRequests
    large_bodies: LargeBodies
    certificates: Certificates
    clock: Clock = utc_now
