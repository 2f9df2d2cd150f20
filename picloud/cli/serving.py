"""`picloud serve`, once its sandbox and its PostgreSQL are started: everything heavy is imported from here.

Deliveries go on first; the web server is imported after that. Its socket listens already, so clients wait meanwhile.
"""

import importlib
import logging
import os
import shlex
import socket
import sys
from contextlib import ExitStack

import click
from sqlalchemy import func, select

from picloud.cli import banner
from picloud.cli.database import DATABASE_ERRORS
from picloud.cli.listening import address_of
from picloud.cli.options import plain_errors
from picloud.cli.service_manager import ServiceManager
from picloud.cli.supervisor import Supervisor, Watchdog
from picloud.crypto import KeyFileError
from picloud.domain.parts import WHOLE, Part
from picloud.logs import goes_to_journal
from picloud.postgres import Cluster
from picloud.process import Process
from picloud.sandbox_pool.executor import Executor, ExecutorGone
from picloud.services.people.setup_links import SetupLinkService
from picloud.services.sample import SampleMail, SampleService
from picloud.settings import Settings

log = logging.getLogger("picloud.serve")

DRAIN_S = 10.0


@plain_errors(*DATABASE_ERRORS, KeyFileError, ExecutorGone, OSError, ValueError)
def serve(
    settings: Settings,
    supervisor: Supervisor,
    executor: Executor,
    cluster: Cluster | None,
    listening: socket.socket,
    *,
    sample: bool = False,
    part: Part = WHOLE,
) -> None:
    """Serves until a stop signal. `cluster` has been started; None: there is a `settings.database_url`."""
    with ExitStack() as stack:
        url = cluster.url if cluster else settings.database_url
        process = Process.start(settings, executor=executor, database_url=url, part=part)
        stack.callback(process.stop, DRAIN_S)
        web = importlib.import_module("picloud.cli.web").start_web(process.runtime, listening, stack)
        if part.delivers:
            _warn_of_gaps(executor)
        _greet(process, settings, listening, sample)
        manager = ServiceManager()
        manager.ready(f"serves {address_of(listening)}")
        _watch(supervisor, cluster, manager.watchdog(web.responds))
        manager.stopping()


def _warn_of_gaps(executor: Executor) -> None:
    """One line for each required layer that does not hold. Without the setting handlers are refused, see /readyz."""
    try:
        broken = [layer for layer in executor.examined() if layer.required and not layer.holds]
    except ExecutorGone as error:
        log.error("no handler can run", extra={"fields": {"detail": str(error)}})
        return
    for layer in broken:
        fields = {"layer": layer.name, "detail": layer.detail}
        log.error("handlers are not confined on this machine", extra={"fields": fields})


def _greet(process: Process, settings: Settings, listening: socket.socket, sample: bool) -> None:
    address = address_of(listening)
    click.echo(banner.serving(address))
    if process.runtime.part.administers and not goes_to_journal(sys.stdout, os.environ):
        _show_setup_link(process, settings.public_url or address)
    if sample:
        click.echo(banner.sample_lines(address, _deploy_sample(process, settings)))
        click.echo(banner.next_steps(address, shlex.quote(sys.argv[0]), str(settings.data_dir)))
    sys.stdout.flush()


def _show_setup_link(process: Process, address: str) -> None:
    """On a terminal. In a journal it would make anybody the owner who reads that, and end the link of `picloud init`."""
    with process.runtime.sessions.begin() as session:
        token = SetupLinkService(session).issue()
    if token is not None:
        click.echo(banner.setup_link(address, token))


def _deploy_sample(process: Process, settings: Settings) -> SampleMail | None:
    runtime = process.runtime
    with runtime.sessions.begin() as session:
        samples = SampleService(session, runtime.pool, runtime.master_key, settings)
        return samples.mail(samples.deploy(), session.execute(select(func.now())).scalar_one())


def _watch(supervisor: Supervisor, cluster: Cluster | None, watchdog: Watchdog | None) -> None:
    if cluster is None:
        supervisor.run(None, lambda: None, watchdog)
    else:
        supervisor.run(lambda: cluster.pidfd, cluster.start, watchdog)
