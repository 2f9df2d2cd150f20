import importlib
import sys
import warnings
from pathlib import Path

import click

from picloud.cli.allocator import give_memory_back
from picloud.cli.options import data_dir_option, load_settings, plain_errors
from picloud.cli.supervisor import Supervisor
from picloud.sandbox_pool.executor import Executor, ExecutorGone


@click.command("serve")
@click.option("--listen", metavar="HOST:PORT", help="Where to serve.")
@data_dir_option
@click.option("--sample", is_flag=True, help="Deploy the app `hello` and print how to call it.")
@plain_errors(ExecutorGone)
def command(listen: str | None, data_dir: Path | None, sample: bool) -> None:
    """Run PiCloud until SIGTERM or Ctrl-C."""
    give_memory_back()
    settings = load_settings(listen=listen, data_dir=data_dir)
    supervisor = Supervisor()  # a stop signal that comes while we start is kept until all can be ended in order
    # Early, while this process is small and has no secrets, connections or threads.
    executor = Executor(accept_unconfined=settings.sandbox_i_accept_unconfined_handlers)
    executor.start()
    # Pyramid 2.1's affair with setuptools, not of interest to who reads our log.
    warnings.filterwarnings("ignore", "pkg_resources is deprecated", UserWarning)
    serving = importlib.import_module("picloud.cli.serving")
    sys.exit(serving.serve(settings, supervisor, executor, sample))
