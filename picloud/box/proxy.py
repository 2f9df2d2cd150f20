"""Caddy in front, where it is installed and a domain was given."""

import shutil
from importlib import resources
from pathlib import Path

from picloud.box.files import ensure_content
from picloud.box.programs import run
from picloud.box.step import BoxError, Done

CONFIG = Path("/etc/caddy/Caddyfile")
DROP_IN = Path("/etc/systemd/system/caddy.service.d/picloud.conf")
OURS = "# PiCloud behind Caddy"
DISTRIBUTED = "# The Caddyfile is an easy way to configure your Caddy web server."


def remove() -> list[Path]:
    """Our configuration; somebody else's stays. Those that went."""
    found = [DROP_IN] if DROP_IN.exists() else []
    if CONFIG.exists() and CONFIG.read_text().startswith(OURS):
        found.append(CONFIG)
    for path in found:
        path.unlink()
    if found:
        run("systemctl", "daemon-reload")
        run("systemctl", "stop", "caddy")
    return found


def is_installed() -> bool:
    return shutil.which("caddy") is not None


def ensure_proxy(domain: str, *, local_certificates: bool) -> Done:
    """`local_certificates`: for a name that the internet doesn't know; Caddy is its own authority then.

    A Caddyfile that somebody else wrote is left alone: BoxError is raised.
    """
    before = CONFIG.read_text() if CONFIG.exists() else ""
    if before.strip() and not before.startswith((OURS, DISTRIBUTED)):
        raise BoxError(f"{CONFIG} is somebody's own. Add to it what {resources.files('picloud_etc') / 'caddy'} shows.")
    options = "local_certs" if local_certificates else ""
    content = (resources.files("picloud_etc") / "caddy" / "Caddyfile").read_text()
    changed = ensure_content(CONFIG, content)
    changed |= ensure_content(
        DROP_IN, f"[Service]\nEnvironment=PICLOUD_DOMAIN={domain} PICLOUD_CADDY_OPTIONS={options}\n"
    )
    if changed:
        run("systemctl", "daemon-reload")
        run("systemctl", "enable", "--quiet", "caddy")
        run("systemctl", "restart", "caddy")
    return Done(changed, f"https://{domain}")
