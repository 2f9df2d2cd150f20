"""The whole of PiCloud but the web server: real database, dispatcher and sandbox behind the WSGI application."""

from collections.abc import Iterator

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session
from webtest import TestApp

from picloud.app import make_app
from picloud.domain.access import Scope
from picloud.domain.kinds import InstanceRole
from picloud.models.engine import make_engine
from picloud.postgres import Cluster
from picloud.process import Process
from picloud.services.people.api_keys import ApiKeyService
from picloud.services.people.users import UserService
from picloud.settings import Settings
from tests.functional.bench import Bench
from tests.functional.client import Client, unique
from tests.pace import PATIENCE, UNCONFINED


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(
        data_dir=tmp_path_factory.mktemp("data"),
        trigger_max_attempts=3,
        trigger_backoff_base_s=0.05,
        trigger_backoff_cap_s=0.2,
        handler_cpu_ms=int(500 * PATIENCE),
        handler_wall_ms=int(10_000 * PATIENCE),
        handler_output_bytes=64 * 1024,
        sandbox_workers=2,
        sandbox_i_accept_unconfined_handlers=UNCONFINED,
    )


@pytest.fixture(scope="session")
def database_url(cluster: Cluster) -> str:
    """A database of its own: other tests' dispatchers must not deliver what these enqueue, nor these theirs."""
    engine = make_engine(cluster.url, pool_size=1)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("CREATE DATABASE functional"))
    engine.dispose()
    return engine.url.set(database="functional").render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def process(database_url: str, settings: Settings) -> Iterator[Process]:
    process = Process.start(settings, database_url=database_url)
    yield process
    process.stop(5.0)


@pytest.fixture(scope="session")
def app(process: Process) -> TestApp:
    return TestApp(make_app(process.runtime))


@pytest.fixture(scope="session")
def owner(process: Process, app: TestApp) -> Client:
    return Client(app, make_key(process, InstanceRole.OWNER))


@pytest.fixture
def bench(owner: Client, app: TestApp) -> Bench:
    return Bench(owner, app)


@pytest.fixture
def anonymous(app: TestApp) -> Client:
    return Client(app, None)


def make_key(
    process: Process,
    role: InstanceRole,
    scopes: tuple[Scope, ...] = tuple(Scope),
    *,
    email: str | None = None,
    app_id: object = None,
) -> str:
    """A key of a new user, or of the user with this email."""
    with Session(process.engine) as session, session.begin():
        users = UserService(session)
        user = users.by_email(email) if email else None
        user = user or users.create(email or f"{unique('user')}@example.com", role)
        _, key = ApiKeyService(session).create(user.id, "test", scopes, app_id=app_id)  # type: ignore[arg-type]
        return key
