import importlib
from contextlib import ExitStack, suppress
from pathlib import Path
from threading import Thread

import click

from picloud.cli.allocator import give_memory_back
from picloud.cli.embedded import embedded_cluster
from picloud.cli.options import data_dir_option, load_settings, plain_errors
from picloud.cli.starting import SERVING, import_early, listen_on
from picloud.cli.supervisor import Supervisor
from picloud.logs import configure_logging
from picloud.postgres import PostgresError
from picloud.sandbox_pool.executor import Executor, ExecutorGone
from picloud.settings import Settings


@click.command("serve")
@click.option("--listen", "address", metavar="HOST:PORT", help="Where to serve.")
@data_dir_option
@click.option("--sample", is_flag=True, help="Deploy the app `hello` and print how to call it.")
@plain_errors(ExecutorGone, PostgresError, OSError, ValueError)
def command(address: str | None, data_dir: Path | None, sample: bool) -> None:
    """Run PiCloud until SIGTERM or Ctrl-C."""
    give_memory_back()
    settings = load_settings(listen=address, data_dir=data_dir)
    supervisor = Supervisor()  # a stop signal that comes while we start is kept until all can be ended in order
    configure_logging(settings.log_level)
    # Everything is ended in the reverse order of its start.
    with ExitStack() as stack:
        executor = _start_executor(settings, stack)
        import_early()
        listening = stack.enter_context(listen_on(settings.listen))
        cluster = None if settings.database_url else embedded_cluster(settings)
        if cluster is not None:
            cluster.start()
            stack.callback(cluster.stop)
        importlib.import_module(SERVING).serve(settings, supervisor, executor, cluster, listening, sample=sample)


def _start_executor(settings: Settings, stack: ExitStack) -> Executor:
    """Early, while this process is small and has no secrets, connections or threads. It is examined in the background."""
    executor = Executor(accept_unconfined=settings.sandbox_i_accept_unconfined_handlers)
    stack.callback(executor.close)
    executor.start()
    Thread(target=_examine, args=(executor,), name="executor-examination", daemon=True).start()
    return executor


def _examine(executor: Executor) -> None:
    with suppress(ExecutorGone):  # who wants a worker waits for the result, and is told
        executor.examined()
