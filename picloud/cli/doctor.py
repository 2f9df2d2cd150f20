import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import click

from picloud.box import layout, units
from picloud.checkup.database import database
from picloud.checkup.finding import Finding, State, broken, warning
from picloud.checkup.sandbox import sandbox
from picloud.checkup.surroundings import surroundings
from picloud.cli.database import CLI_POOL_SIZE
from picloud.cli.embedded import embedded_cluster
from picloud.cli.options import data_dir_option, load_settings, plain_errors
from picloud.models.engine import make_engine
from picloud.postgres import PostgresError
from picloud.sandbox_pool.executor import Executor
from picloud.sandbox_pool.remote_child import ExecutorSocket
from picloud.services.keyring.key_file import master_key_file
from picloud.settings import Settings


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@data_dir_option
@plain_errors(PostgresError, OSError)
def command(as_json: bool, data_dir: Path | None) -> None:
    """Look at the sandbox, the database, the key, the queue, the disk, backups and files; change nothing.

    Exit code 1 where something is broken.
    """
    findings = list(_findings(load_settings(data_dir=data_dir)))
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        for finding in findings:
            click.echo(_line(finding))
    sys.exit(any(finding.state is State.BROKEN for finding in findings))


def _findings(settings: Settings) -> Iterator[Finding]:
    executor = Executor(connect=_connect(settings))
    try:
        yield from sandbox(executor)
    finally:
        executor.close()
    yield from _database(settings)
    yield from surroundings(settings)


def _connect(settings: Settings) -> ExecutorSocket | None:
    """To where handlers run: the executor's own unit, where the parts run apart."""
    apart = units.are_installed() and layout.present() is layout.PARTS
    return ExecutorSocket(settings.executor_socket) if apart else None


def _database(settings: Settings) -> Iterator[Finding]:
    """Starts no PostgreSQL: who looks must not change what is seen."""
    url = settings.database_url
    if not url:
        cluster = embedded_cluster(settings)
        if not cluster.is_made():
            yield warning("database", f"there is none in {settings.data_dir} yet", "picloud serve")
            return
        if not cluster.is_running():
            yield broken("database", f"PiCloud does not serve from {settings.data_dir}", "systemctl start picloud")
            return
        url = cluster.url
    engine = make_engine(url, pool_size=CLI_POOL_SIZE)
    try:
        yield from database(engine, master_key_file(settings))
    finally:
        engine.dispose()


def _line(finding: Finding) -> str:
    remedy = f"  → {finding.remedy}" if finding.remedy else ""
    return f"{finding.state.sign} {finding.name:27} {finding.detail}{remedy}"
