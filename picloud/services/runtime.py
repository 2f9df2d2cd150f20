"""What a process is made of, put together once by `picloud.app` and handed to whoever needs it."""

from dataclasses import dataclass, field

from sqlalchemy.orm import Session, sessionmaker

from picloud.crypto import MasterKey
from picloud.domain.clock import Clock, utc_now
from picloud.domain.parts import WHOLE, Part
from picloud.outbound.client import Client
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
from picloud.services.executions.recorder import Recorder
from picloud.services.instance.disk import DiskGuard
from picloud.services.instance.hours import HourCache
from picloud.services.runs.callers import Callers
from picloud.services.runs.effects import EffectsFactory
from picloud.services.runs.http_runs import HttpRuns
from picloud.services.runs.script_tests import ScriptTests
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
    outbound: Client = field(default_factory=Client)
    part: Part = WHOLE
    disk: DiskGuard = field(default_factory=lambda: DiskGuard(None, 0))
    hours: HourCache = field(default_factory=HourCache)
