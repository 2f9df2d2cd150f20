"""`picloud serve`, once its sandbox is started: everything heavy is imported from here."""

import logging
import os
import shlex
import socket
import sys
from contextlib import ExitStack
from threading import Thread

import click
from sqlalchemy import func, select

from picloud.app import make_app
from picloud.cli import banner
from picloud.cli.database import DATABASE_ERRORS, embedded_cluster
from picloud.cli.listening import address_of, inherited, listen
from picloud.cli.options import plain_errors
from picloud.cli.service_manager import ServiceManager
from picloud.cli.supervisor import Supervisor, Watchdog
from picloud.crypto import KeyFileError
from picloud.logs import configure_logging
from picloud.postgres import Cluster
from picloud.process import Process
from picloud.sandbox_pool.executor import Executor, ExecutorGone
from picloud.services.sample import SampleMail, SampleService
from picloud.services.setup_links import SetupLinkService
from picloud.settings import Settings
from picloud.views.server import WebServer

log = logging.getLogger("picloud.serve")

DRAIN_S = 10.0


@plain_errors(*DATABASE_ERRORS, KeyFileError, ExecutorGone, OSError, ValueError)
def serve(settings: Settings, supervisor: Supervisor, executor: Executor, sample: bool) -> int:
    """Serves until a stop signal; the exit code. Everything is ended here, in the reverse order of its start."""
    configure_logging(settings.log_level)
    with ExitStack() as stack:
        stack.callback(executor.close)
        listening = stack.enter_context(_listen(settings.listen))
        cluster = None if settings.database_url else embedded_cluster(settings)
        if cluster is not None:
            cluster.start()
            stack.callback(cluster.stop)
        url = cluster.url if cluster else settings.database_url
        process = Process.start(settings, executor=executor, database_url=url)
        stack.callback(process.stop, DRAIN_S)
        web = _start_web(process, settings, listening, stack)
        _warn_of_gaps(executor)
        _greet(process, settings, listening, sample)
        manager = ServiceManager()
        manager.ready(f"serves {address_of(listening)}")
        _watch(supervisor, cluster, _watchdog(manager, web))
        manager.stopping()
    return 0


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


def _listen(address: str) -> socket.socket:
    try:
        return inherited(os.environ) or listen(address)
    except OSError as error:
        raise OSError(f"{address} can't be listened on: {error.strerror}. Choose another one with --listen.") from error


def _start_web(process: Process, settings: Settings, listening: socket.socket, stack: ExitStack) -> WebServer:
    server = WebServer(
        make_app(process.runtime),
        listening,
        threads=settings.web_threads + settings.streams_max,
        body_max_bytes=settings.http_max_body_bytes,
    )
    thread = Thread(target=server.run, name="web")
    thread.start()
    stack.callback(thread.join)
    stack.callback(server.stop, DRAIN_S)
    stack.callback(process.runtime.execution_feed.close)  # else open streams would be waited for
    return server


def _greet(process: Process, settings: Settings, listening: socket.socket, sample: bool) -> None:
    address = address_of(listening)
    click.echo(banner.serving(address))
    with process.runtime.sessions.begin() as session:
        token = SetupLinkService(session).issue()
    if token is not None:
        click.echo(banner.setup_link(settings.public_url or address, token))
    if sample:
        click.echo(banner.sample_lines(address, _deploy_sample(process, settings)))
        click.echo(banner.next_steps(address, shlex.quote(sys.argv[0]), str(settings.data_dir)))
    sys.stdout.flush()


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


def _watchdog(manager: ServiceManager, web: WebServer) -> Watchdog | None:
    """A sign of life three times as often as systemd wants it, as long as the web server's loop turns."""
    if manager.watchdog_s is None:
        return None
    every_s = manager.watchdog_s / 3

    def beat() -> None:
        if web.responds(every_s):
            manager.alive()
        else:
            log.error("the web server's loop does not turn")

    return Watchdog(every_s, beat)
