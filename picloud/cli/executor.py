import os
import socket
from contextlib import ExitStack
from pathlib import Path
from threading import Thread

import click

from picloud.cli.listening import inherited, listen_unix
from picloud.cli.options import plain_errors
from picloud.cli.service_manager import ServiceManager
from picloud.cli.supervisor import Supervisor
from picloud.logs import configure_logging
from picloud.sandbox_pool.executor_server import ExecutorServer
from picloud.settings import Settings


@click.command("executor")
@click.option("--socket", "path", type=click.Path(path_type=Path), help="Where to listen.")
@plain_errors(OSError)
def command(path: Path | None) -> None:
    """Run the sandbox pool: it has no database, no master key and no network, and takes drivers on a Unix socket."""
    settings = Settings.load()  # of the environment alone: the box's file may hold the way into the database
    supervisor = Supervisor()
    configure_logging(settings.log_level)
    manager = ServiceManager()
    with ExitStack() as stack:
        listening = stack.enter_context(_listen(path or settings.executor_socket))
        server = ExecutorServer(listening)
        thread = Thread(target=server.run, name="executor")
        thread.start()
        stack.callback(thread.join)
        stack.callback(server.stop)
        manager.ready(f"takes drivers at {listening.getsockname()}")
        supervisor.run(None, lambda: None, manager.watchdog(server.responds))
        manager.stopping()


def _listen(path: Path) -> socket.socket:
    try:
        return inherited(os.environ) or listen_unix(path, socket.SOCK_SEQPACKET)
    except OSError as error:
        raise OSError(f"{path} can't be listened on: {error.strerror}. Choose another one with --socket.") from error
