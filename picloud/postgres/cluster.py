"""One data folder with its PostgreSQL: made when it isn't there, started, watched, stopped."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from picloud.postgres import database, files, initdb, leftover, pidfile
from picloud.postgres.account import check_programs, server_account
from picloud.postgres.binaries import major_version
from picloud.postgres.copied import may_mount, reachable_bindir
from picloud.postgres.errors import PostgresError, start_error
from picloud.postgres.layout import Layout
from picloud.postgres.lock import OwnerLock
from picloud.postgres.programs import Programs
from picloud.postgres.server import Server, start_server
from picloud.postgres.tuning import server_settings

_FOREIGN_READY_S = 15
_FOREIGN_POLL_S = 0.1


class Cluster:
    """The embedded PostgreSQL of `data_dir`. It ends when the process that started it ends, however that ends.

    `start` and `stop` belong to the main thread: the kernel's parent-death signal follows the thread that forks.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        bindir: Path,
        shared_buffers_mb: int = 8,
        max_connections: int = 40,
        statement_stats: bool = False,
    ) -> None:
        self._layout = Layout(data_dir.resolve())
        self._bindir = bindir.resolve()
        self._shared_buffers_mb = shared_buffers_mb
        self._max_connections = max_connections
        self._statement_stats = statement_stats
        self._lock = OwnerLock(self._layout.lock_file)
        self._server: Server | None = None

    def __repr__(self) -> str:
        return f"Cluster({str(self._layout.data_dir)!r})"

    @property
    def url(self) -> str:
        """SQLAlchemy's URL of the database, with the password: not for logs. Raises PostgresError before `start`."""
        password = files.read_password(self._layout)
        host = quote(str(self._layout.socket_dir), safe="/")
        return f"postgresql+psycopg2://{database.USER}:{quote(password)}@/{database.NAME}?host={host}"

    @property
    def pidfd(self) -> int:
        """Readable (select, poll) when our server has ended; call `start` again then. Changes with every start.

        Raises PostgresError when this process started no server.
        """
        if self._server is None:
            raise PostgresError(f"This process has started no PostgreSQL in {self._layout.data_dir}.")
        return self._server.pidfd

    def start(self) -> None:
        """Makes the data folder when needed, starts the server and waits until it accepts connections.

        Does nothing when our server runs. Raises PostgresError.
        """
        if threading.current_thread() is not threading.main_thread():
            raise PostgresError("The embedded PostgreSQL must be started from the main thread.")
        if self._server is not None and self._server.alive:
            return
        self._drop_server()
        first = not self._lock.held
        try:
            files.prepare(self._layout)
            self._lock.acquire()
            self._bring_up()
        except BaseException as error:
            self._drop_server()
            if first:
                self.stop()
            if told := start_error(error, self._layout.data_dir):
                raise told from error
            raise

    def stop(self) -> None:
        """Fast shutdown of our server; waits for its end and gives the data folder free."""
        if self._lock.held:
            self._drop_server()
            files.remove_runtime_folders(self._layout)
        self._lock.release()

    def is_made(self) -> bool:
        """Whether the data folder holds a database already."""
        return initdb.is_made(self._layout)

    def is_running(self) -> bool:
        """Whether a server of this data folder accepts connections, whoever started it."""
        try:
            known = pidfile.read(self._layout.pgdata)
        except PermissionError as error:
            raise PostgresError(f"{self._layout.pgdata} belongs to another user: {error.strerror}.") from error
        return known is not None and known.ready and pidfile.serves(known.pid, self._layout.possible_pgdata())

    def owned_elsewhere(self) -> bool:
        """Whether another process (`picloud serve`) is the owner of this data folder."""
        return self._lock.held_elsewhere()

    @contextmanager
    def opened(self) -> Iterator[str]:
        """The URL of a running server, for a command: the owner's if there is one, else our own for the block."""
        if self.owned_elsewhere():
            self._wait_for_owner()
            yield self.url
            return
        self.start()
        try:
            yield self.url
        finally:
            self.stop()

    def _bring_up(self) -> None:
        layout = self._layout
        account = server_account(layout.pgdata)
        check_programs(account, self._bindir)
        files.give_to(account, layout)
        leftover.end_server(layout)
        bindir = reachable_bindir(layout, self._bindir, account, mounting=may_mount())
        major = major_version(bindir)
        if not initdb.is_made(layout):
            initdb.make(layout, bindir, account)
        initdb.check_version(layout, bindir, major)
        password = files.read_password(layout)
        programs = Programs(layout, account, layout.view(bindir, layout.pgdata, account))
        self._server = start_server(programs, self._arguments(programs, major))
        database.ensure(layout, password, statement_stats=self._statement_stats)

    def _arguments(self, programs: Programs, major: int) -> list[str]:
        settings = server_settings(
            major,
            shared_buffers_mb=self._shared_buffers_mb,
            max_connections=self._max_connections,
            statement_stats=self._statement_stats,
        )
        settings["unix_socket_directories"] = _quoted(programs.view.socket_dir)
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return ["-D", str(programs.view.pgdata), *options]

    def _drop_server(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.stop()

    def _wait_for_owner(self) -> None:
        deadline = time.monotonic() + _FOREIGN_READY_S
        while not self.is_running():
            if time.monotonic() > deadline:
                raise PostgresError(
                    f"Another process owns {self._layout.data_dir}, but its PostgreSQL does not accept connections."
                )
            time.sleep(_FOREIGN_POLL_S)


def _quoted(folder: Path) -> str:
    """As an element of a PostgreSQL list of folders."""
    escaped = str(folder).replace('"', '""')
    return f'"{escaped}"'
