import os
import platform
import sys
from collections.abc import Iterator
from functools import partial

import click

from picloud.box import account, configuration, environment, layout, proxy, sockets, units
from picloud.box.layout import PARTS, WHOLE, Layout
from picloud.box.programs import run
from picloud.box.proxy import Site
from picloud.box.step import BoxError, Done, Step
from picloud.cli.options import plain_errors
from picloud.crypto import create_master_key


@click.command("init")
@click.option("--domain", metavar="HOST", help="The dashboard's host name: Caddy, where it is installed, serves it.")
@click.option(
    "--local-certificates", is_flag=True, help="Caddy makes its own: for a name that the internet doesn't know."
)
@click.option(
    "--parts/--no-parts",
    default=None,
    help="Manager, orchestrator and executor as services of their own, or one process. Default: as it is now.",
)
@click.option("--non-interactive", is_flag=True, help="Ask nothing.")
@click.option("--sample/--no-sample", default=True, show_default=True, help="Deploy the app `hello`.")
@plain_errors(BoxError, OSError)
def command(
    domain: str | None, local_certificates: bool, parts: bool | None, non_interactive: bool, sample: bool
) -> None:
    """Set PiCloud up on this box, as root. Run it again to repair: what is in order stays as it is."""
    _check_machine()
    units.ensure_systemd()
    site = _site(domain, local_certificates, ask=not non_interactive)
    wanted = layout.present() if parts is None else PARTS if parts else WHOLE
    for step in _steps(site, wanted):
        done = _performed(step)
        click.echo(f"{'+' if done.changed else '✓'} {step.name:12} {done.detail}")
    click.echo(_last_words(site, wanted, sample))


def _check_machine() -> None:
    if os.geteuid() != 0:
        raise BoxError("`picloud init` sets up users, folders and units: run it as root.")
    if sys.maxsize < 2**32:
        raise BoxError(f"This is a 32-bit Python on {platform.machine()}; PiCloud needs a 64-bit system.")


def _site(domain: str | None, local_certificates: bool, *, ask: bool) -> Site | None:
    """As told, else as it is. None: no domain."""
    present = proxy.present()
    if not domain and not present and ask and proxy.is_installed():
        domain = click.prompt("The dashboard's host name (empty: none)", default="", show_default=False)
    return Site(domain, local_certificates) if domain else present


def _steps(site: Site | None, wanted: Layout) -> Iterator[Step]:
    proxied = site is not None and proxy.is_installed()
    yield Step("systemd", units.ensure_systemd)
    yield Step("user", account.ensure_user)
    yield Step("settings", partial(account.ensure_folder, environment.ETC, 0o755, "root"))
    yield Step("data", partial(account.ensure_folder, account.HOME, 0o700, account.USER))
    yield Step("master key", _ensure_key)
    yield Step("database", partial(configuration.ensure_settings, site, wanted, proxied=proxied))
    yield Step("units", units.ensure_units)
    yield Step("sockets", partial(sockets.ensure_sockets, proxied=proxied))
    yield Step("service", partial(units.ensure_started, wanted, proxied=proxied))
    if site is not None and proxied:
        yield Step("caddy", partial(proxy.ensure_proxy, site, wanted))


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


def _last_words(site: Site | None, wanted: Layout, sample: bool) -> str:
    program = str(units.program())
    served = site if proxy.is_installed() else None
    address = served.address if served else wanted.orchestrator.address
    said = [run(program, "sample", "--address", address, *_curl_options(served))] if sample else []
    return "\n".join(["", *said, "", _owner_link(program)])


def _curl_options(site: Site | None) -> tuple[str, ...]:
    """Caddy's own authority is one that nobody knows."""
    return ("--insecure",) if site and site.local_certificates else ()


def _owner_link(program: str) -> str:
    try:
        return run(program, "admin", "setup-link")
    except BoxError as error:
        if "has an owner" not in str(error):
            raise
    return "There is an owner already: sign in."
