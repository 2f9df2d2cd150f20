import os
import platform
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import click

from picloud.box import account, configuration, environment, layout, proxy, sockets, units
from picloud.box.files import ensure_content
from picloud.box.layout import PARTS, WHOLE, Layout
from picloud.box.programs import run
from picloud.box.proxy import Site
from picloud.box.step import BoxError, Done, Step
from picloud.cli.options import plain_errors
from picloud.crypto import KeyFileError, create_master_key, load_master_key
from picloud.domain.host_names import HostNameError, host_name
from picloud.services.keyring.key_file import MASTER_KEY_NAME


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
@plain_errors(KeyFileError, OSError)
def command(
    domain: str | None, local_certificates: bool, parts: bool | None, non_interactive: bool, sample: bool
) -> None:
    """Set PiCloud up on this box, as root. Run it again to repair: what is in order stays as it is."""
    os.umask(0o022)  # what is secret has its mode at once; systemd, Caddy and the service read the rest
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
    try:
        return Site(host_name(domain), local_certificates) if domain else present
    except HostNameError as error:
        raise BoxError(f"The domain {domain!r} {error}. Nothing was changed.") from error


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
    earlier, made = account.HOME / MASTER_KEY_NAME, not path.exists()
    said = str(path)
    if made and earlier.exists():
        ensure_content(path, earlier.read_text(), 0o600)
        said += f", as it was in {account.HOME}"
    elif made:
        _refuse_another_key(path)
        create_master_key(path)
        said += ". Copy it to another place: without it no backup's secrets open"
    changed = account.ensure_mode(path, 0o600, "root")
    load_master_key(path)
    return Done(made or changed, said)


def _refuse_another_key(path: Path) -> None:
    """Raises BoxError where there was one: what it sealed opens with it alone."""
    if units.are_installed() or configuration.EMBEDDED.exists():
        raise BoxError(
            f"There is no master key at {path}, and this PiCloud was set up with one. Put your copy there; while it runs, "
            f"systemd has it too: cp /run/credentials/picloud*/master.key {path}. If there never was one: "
            f"openssl rand -base64 32 > {path}"
        )


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
