"""A pool on a real executor."""

from collections.abc import Iterator

import pytest

from picloud.sandbox_pool.executor import Executor
from picloud.sandbox_pool.pool import Pool
from tests.sandbox.kit import HERE, RunScript, runner


@pytest.fixture(scope="session")
def executor() -> Iterator[Executor]:
    executor = Executor()
    yield executor
    executor.close()


@pytest.fixture(scope="session")
def pool(executor: Executor) -> Iterator[Pool]:
    pool = Pool(executor, size=2, spares=1)
    yield pool
    pool.close()


@pytest.fixture(scope="session")
def run(pool: Pool) -> RunScript:
    return runner(pool)


@pytest.fixture(scope="session")
def raw_pool() -> Iterator[Pool]:
    """Runs scripts as plain, unrestricted Python: what is left is what the kernel enforces."""
    executor = Executor("raw_zygote", (str(HERE),))
    pool = Pool(executor, size=2, spares=1)
    yield pool
    pool.close()
    executor.close()


@pytest.fixture(scope="session")
def raw_run(raw_pool: Pool) -> RunScript:
    return runner(raw_pool)
