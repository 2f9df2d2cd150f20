"""What each part that serves does first, while it is small."""

import importlib
import os
import socket
import warnings
from contextlib import ExitStack
from threading import Thread

from picloud.cli.allocator import give_memory_back
from picloud.cli.listening import inherited, listen
from picloud.cli.options import load_settings
from picloud.cli.supervisor import Supervisor
from picloud.domain.parts import Part
from picloud.logs import configure_logging
from picloud.sandbox_pool.executor import Executor
from picloud.sandbox_pool.remote_child import ExecutorSocket

SERVING = "picloud.cli.serving"


def serve_part(part: Part, address: str | None) -> None:
    """Serves until a stop signal, with workers of `picloud executor`. Raises OSError, ValueError."""
    give_memory_back()
    settings = load_settings(listen=address)
    supervisor = Supervisor()
    configure_logging(settings.log_level)
    with ExitStack() as stack:
        executor = Executor(
            accept_unconfined=settings.sandbox_i_accept_unconfined_handlers,
            connect=ExecutorSocket(settings.executor_socket),
        )
        stack.callback(executor.close)
        listening = stack.enter_context(listen_on(settings.listen))
        _without_warnings()
        importlib.import_module(SERVING).serve(settings, supervisor, executor, None, listening, part=part)


def import_early() -> None:
    """While PostgreSQL starts. Whoever imports it then waits for this, or gets its error."""
    _without_warnings()
    Thread(target=importlib.import_module, args=(SERVING,), name="imports", daemon=True).start()


def listen_on(address: str) -> socket.socket:
    """The socket that systemd hands over, else one of our own. Raises OSError, ValueError."""
    try:
        return inherited(os.environ) or listen(address)
    except OSError as error:
        raise OSError(f"{address} can't be listened on: {error.strerror}. Choose another one with --listen.") from error


def _without_warnings() -> None:
    # Pyramid 2.1's affair with setuptools, not of interest to who reads our log.
    warnings.filterwarnings("ignore", "pkg_resources is deprecated", UserWarning)
