import os
import platform
import pwd
import sys
from collections.abc import Iterator
from functools import partial

import click

from picloud.box import account, environment, proxy, system_postgres, units
from picloud.box.programs import run
from picloud.box.step import BoxError, Done, Step
from picloud.cli.options import plain_errors
from picloud.crypto import create_master_key

ADDRESS = "http://127.0.0.1:8080"
LOOPBACK = "127.0.0.1,::1"
"""Where Caddy asks from. What it says of the client counts."""


@click.command("init")
@click.option("--domain", metavar="HOST", help="The dashboard's host name: Caddy, where it is installed, serves it.")
@click.option(
    "--local-certificates", is_flag=True, help="Caddy makes its own: for a name that the internet doesn't know."
)
@click.option("--non-interactive", is_flag=True, help="Ask nothing.")
@click.option("--sample/--no-sample", default=True, show_default=True, help="Deploy the app `hello`.")
@plain_errors(BoxError, OSError)
def command(domain: str | None, local_certificates: bool, non_interactive: bool, sample: bool) -> None:
    """Set PiCloud up on this box, as root. Run it again to repair: what is in order stays as it is."""
    _check_machine()
    if not domain and proxy.is_installed() and not non_interactive:
        domain = click.prompt("The dashboard's host name (empty: none)", default="", show_default=False) or None
    for step in _steps(domain, local_certificates):
        done = _performed(step)
        click.echo(f"{'+' if done.changed else '✓'} {step.name:12} {done.detail}")
    click.echo(_last_words(domain, sample))


def _check_machine() -> None:
    if os.geteuid() != 0:
        raise BoxError("`picloud init` sets up users, folders and units: run it as root.")
    if sys.maxsize < 2**32:
        raise BoxError(f"This is a 32-bit Python on {platform.machine()}; PiCloud needs a 64-bit system.")


def _steps(domain: str | None, local_certificates: bool) -> Iterator[Step]:
    yield Step("systemd", units.ensure_systemd)
    yield Step("user", account.ensure_user)
    yield Step("settings", partial(account.ensure_folder, environment.ETC, 0o755, "root"))
    yield Step("data", partial(account.ensure_folder, account.HOME, 0o700, account.USER))
    yield Step("master key", _ensure_key)
    yield Step("database", partial(_ensure_settings, domain))
    yield Step("units", units.ensure_units)
    yield Step("service", units.ensure_started)
    if domain and proxy.is_installed():
        yield Step("caddy", partial(proxy.ensure_proxy, domain, local_certificates=local_certificates))


def _performed(step: Step) -> Done:
    try:
        return step.run()
    except BoxError:
        click.echo(f"✗ {step.name}", err=True)
        raise


def _ensure_key() -> Done:
    path = environment.MASTER_KEY
    made = not path.exists()
    if made:
        create_master_key(path)
    changed = account.ensure_mode(path, 0o600, "root")
    advice = ". Copy it to another place: without it no backup's secrets open" if made else ""
    return Done(made or changed, f"{path}{advice}")


def _ensure_settings(domain: str | None) -> Done:
    """The system's PostgreSQL where one runs, else PiCloud's own; a choice once made stays."""
    wanted = {
        "PICLOUD_DATA_DIR": str(account.HOME),
        "PICLOUD_MASTER_KEY_FILE": str(environment.MASTER_KEY),
        **({"PICLOUD_TRUSTED_PROXIES": LOOPBACK} if domain else {}),
    }
    chosen = {"PICLOUD_PUBLIC_URL": f"https://{domain}"} if domain else {}
    if not environment.read() and system_postgres.is_running():
        wanted["PICLOUD_DATABASE_URL"] = system_postgres.url_for(environment.new_password())
    done = environment.ensure(wanted, chosen, pwd.getpwnam(account.USER).pw_gid)
    url = environment.read().get("PICLOUD_DATABASE_URL", "")
    if "@127.0.0.1:5432/" in url and system_postgres.is_running():
        made = system_postgres.ensure_database(url)
        return Done(done.changed or made, "the system's PostgreSQL")
    return Done(done.changed, "the one of PICLOUD_DATABASE_URL" if url else f"its own, in {account.HOME}/postgres")


def _last_words(domain: str | None, sample: bool) -> str:
    program = str(units.program())
    address = f"https://{domain}" if domain and proxy.is_installed() else ADDRESS
    said = [run(program, "sample", "--address", address)] if sample else []
    return "\n".join(["", *said, "", _owner_link(program)])


def _owner_link(program: str) -> str:
    try:
        return run(program, "admin", "setup-link")
    except BoxError as error:
        if "has an owner" not in str(error):
            raise
    return "There is an owner already: sign in."
