"""Caddy in front, where it is installed and a domain was given."""

import re
import shutil
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from picloud.box import units
from picloud.box.files import ensure_content
from picloud.box.layout import Layout
from picloud.box.programs import run
from picloud.box.step import BoxError, Done

CONFIG = Path("/etc/caddy/Caddyfile")
DROP_IN = Path("/etc/systemd/system/caddy.service.d/picloud.conf")
SERVICE = "caddy.service"
OURS = "# PiCloud behind Caddy"
DISTRIBUTED = "# The Caddyfile is an easy way to configure your Caddy web server."
_LOCAL = "local_certs"
_DROP_IN = """\
[Service]
Environment={}
RuntimeDirectory=caddy
RuntimeDirectoryMode=0700
"""


@dataclass(frozen=True, slots=True)
class Site:
    """`local_certificates`: for a name that the internet doesn't know; Caddy is its own authority then."""

    domain: str
    local_certificates: bool

    @property
    def address(self) -> str:
        return f"https://{self.domain}"


def is_installed() -> bool:
    return shutil.which("caddy") is not None


def present() -> Site | None:
    """As an earlier run has set it up."""
    said = DROP_IN.read_text() if DROP_IN.exists() else ""
    found = re.search(r"\bPICLOUD_DOMAIN=(\S+)", said)
    return Site(found[1], _LOCAL in said) if found else None


def ensure_proxy(site: Site, layout: Layout) -> Done:
    """A Caddyfile that somebody else wrote is left alone: BoxError is raised."""
    before = CONFIG.read_text(errors="replace") if CONFIG.exists() else ""
    if before.strip() and not before.startswith((OURS, DISTRIBUTED)):
        raise BoxError(f"{CONFIG} is somebody's own. Add to it what {resources.files('picloud_etc') / 'caddy'} shows.")
    content = (resources.files("picloud_etc") / "caddy" / "Caddyfile").read_text()
    changed = ensure_content(CONFIG, content)
    changed |= ensure_content(DROP_IN, _DROP_IN.format(" ".join(environment(site, layout))))
    if changed or units.state(SERVICE) != ("active", True):
        run("systemctl", "daemon-reload")
        run("systemctl", "enable", "--quiet", SERVICE)
        units.start("restart", SERVICE)
        changed = True
    return Done(changed, site.address)


def remove() -> list[Path]:
    """Our configuration; somebody else's stays. Those that went."""
    found = [DROP_IN] if DROP_IN.exists() else []
    if CONFIG.exists() and CONFIG.read_text(errors="replace").startswith(OURS):
        found.append(CONFIG)
    for path in found:
        path.unlink()
    if found:
        run("systemctl", "daemon-reload")
        run("systemctl", "stop", SERVICE)
    return found


def environment(site: Site, layout: Layout) -> tuple[str, ...]:
    """What the Caddyfile has in braces."""
    return (
        f"PICLOUD_DOMAIN={site.domain}",
        f"PICLOUD_CADDY_OPTIONS={_LOCAL if site.local_certificates else ''}",
        f"PICLOUD_MANAGER={layout.manager.path}",
        f"PICLOUD_ORCHESTRATOR={layout.orchestrator.path}",
        "PICLOUD_CADDY_ADMIN=unix//run/caddy/admin.sock",
    )
