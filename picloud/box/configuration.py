"""What `picloud init` writes into the settings, and the database that they lead to."""

import pwd

from picloud.box import account, environment, system_postgres
from picloud.box.layout import PARTS, Layout
from picloud.box.proxy import Site
from picloud.box.step import BoxError, Done

PROXIES = "PICLOUD_TRUSTED_PROXIES"
URL = "PICLOUD_DATABASE_URL"
EMBEDDED = account.HOME / "postgres"
_LOOPBACK = "127.0.0.1,::1"
"""What was trusted while Caddy came by TCP, as any local process could."""


def ensure_settings(site: Site | None, wanted: Layout, *, proxied: bool) -> Done:
    """The system's PostgreSQL where one runs, else PiCloud's own; a choice once made stays.

    `proxied`: by Caddy. Raises BoxError where `wanted` are the parts and there is no PostgreSQL for them.
    """
    found = environment.read()
    kept = {"PICLOUD_DATA_DIR": str(account.HOME), "PICLOUD_MASTER_KEY_FILE": str(environment.MASTER_KEY)}
    chosen = {}
    if site is not None:
        chosen["PICLOUD_PUBLIC_URL"] = site.address
    if proxied:
        kept[PROXIES] = "unix"
        if found.get(PROXIES) == _LOOPBACK:
            chosen[PROXIES] = "unix"
    if _wants_new_database(found, wanted):
        kept[URL] = system_postgres.url_for(environment.new_password())
    done = environment.ensure(kept, chosen, pwd.getpwnam(account.USER).pw_gid)
    return _ensure_database(done)


def _wants_new_database(found: dict[str, str], wanted: Layout) -> bool:
    """Whether the system's PostgreSQL is to be used from now on. Raises BoxError."""
    if found.get(URL) or (found and wanted is not PARTS):
        return False
    if wanted is not PARTS:
        return system_postgres.is_running() and not EMBEDDED.exists()  # what was restored there is served from there
    if EMBEDDED.exists():
        raise BoxError(
            f"The parts need a PostgreSQL that the system runs, and this PiCloud's data stand in its own, {EMBEDDED}. "
            "Move them first, see docs/howto/parts.md. Nothing was changed."
        )
    if not system_postgres.is_running():
        raise BoxError(
            f"The parts need a PostgreSQL that the system runs: apt install postgresql, or set {URL} in "
            f"{environment.FILE}. Then run this again."
        )
    return True


def _ensure_database(done: Done) -> Done:
    url = environment.read().get(URL, "")
    if system_postgres.is_ours(url):
        system_postgres.check_answers()
    if system_postgres.is_ours(url) and system_postgres.is_running():
        made = system_postgres.ensure_database(url)
        return Done(done.changed or made, "the system's PostgreSQL")
    return Done(done.changed, f"the one of {URL}" if url else f"its own, in {EMBEDDED}")
