"""PiCloud's parts as processes of their own, on one database."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any

from sqlalchemy import text

from picloud.models.engine import make_engine
from picloud.postgres.cluster import Cluster
from tests.functional.client import Client, unique
from tests.functional.serving import PROGRAM, Answer, Child, Serving, descendants


class Part(Serving):
    """`picloud manager` or `picloud orchestrator`."""

    def __init__(self, name: str, folder: Path, **environ: str) -> None:
        folder.mkdir()
        super().__init__(folder, **environ)
        self._name = name

    def command(self, *arguments: str) -> list[str]:
        if arguments[0] == "serve":
            return [PROGRAM, self._name, *arguments[1:]]
        return super().command(*arguments)


class ExecutorPart(Serving):
    """`picloud executor`, which serves no HTTP."""

    def __init__(self, folder: Path, path: Path) -> None:
        folder.mkdir()
        super().__init__(folder)
        self._path = path

    def command(self, *arguments: str) -> list[str]:
        return [PROGRAM, "executor", "--socket", str(self._path)]

    def is_ready(self) -> bool:
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as probe, suppress(OSError):
            probe.connect(str(self._path))
            return True
        return False

    @property
    def children(self) -> list[Child]:
        return list(descendants(self.pid))


class Parts:
    """A manager, an orchestrator and an executor; to what tests a `Serving`, they are one."""

    def __init__(self, folder: Path, cluster: Cluster, **environ: str) -> None:
        path = folder / "executor.sock"
        given = environ | {
            "PICLOUD_DATABASE_URL": new_database(cluster),
            "PICLOUD_MASTER_KEY_FILE": str(folder / "master.key"),
            "PICLOUD_EXECUTOR_SOCKET": str(path),
        }
        self.executor = ExecutorPart(folder / "executor", path)
        self.manager = Part("manager", folder / "manager", **given)
        self.orchestrator = Part("orchestrator", folder / "orchestrator", **given)

    @property
    def all(self) -> tuple[Serving, ...]:
        return self.executor, self.manager, self.orchestrator

    @cached_property
    def owner(self) -> Client:
        return self.manager.owner

    def request(self, path: str, **given: Any) -> Answer:
        """Of the outside: calls and mail."""
        return self.orchestrator.request(path, **given)


@contextmanager
def running(parts: Parts) -> Iterator[Parts]:
    with ExitStack() as stack:
        for part in parts.all:
            stack.callback(part.end)
            part.start_and_wait()
        yield parts


def new_database(cluster: Cluster) -> str:
    name = unique("parts").replace("-", "_")
    engine = make_engine(cluster.url, pool_size=1)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return engine.url.set(database=name).render_as_string(hide_password=False)
