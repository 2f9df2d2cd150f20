import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.box.admin import COUNTS, DOMAIN, LATER, PICLOUD, PING, SECRET, Admin
from tests.box.machine import Machine, base_folder, build_wheels, missing_programs


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A booted machine with PiCloud's wheels in /wheels, and nothing of it installed. Off the network."""
    if missing := missing_programs():
        pytest.skip(f"not installed: {', '.join(missing)}")
    if os.geteuid() != 0:
        pytest.skip("only root boots a machine")
    folder = tmp_path_factory.mktemp("box") / "disk"
    subprocess.run(["cp", "-a", "--reflink=auto", base_folder(), folder], check=True)
    build_wheels(folder / "wheels")
    _without_network(folder)
    machine = Machine(folder)
    machine.boot()
    yield machine
    machine.halt()
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def box(machine: Machine) -> Machine:
    """PiCloud is installed, by the commands of the README."""
    machine.run("python3", "-m", "venv", "/opt/picloud")
    machine.run("/opt/picloud/bin/pip", "install", "--quiet", "--no-index", "--find-links", "/wheels", "picloud")
    machine.run(PICLOUD, "init", "--non-interactive", "--domain", DOMAIN, "--local-certificates")
    return machine


@pytest.fixture(scope="session")
def admin(box: Machine) -> Admin:
    admin = Admin(box)
    admin.call("POST", "/apps", {"slug": "shop", "name": "Shop"})
    for name, source in (("count", COUNTS), ("ping", PING), ("later", LATER)):
        admin.call("POST", "/apps/shop/scripts", {"name": name, "kind": "endpoint", "source": source})
    admin.call("POST", "/apps/shop/routes", {"method": "GET", "path": "/ping", "script": "ping", "access": "public"})
    admin.call("POST", "/apps/shop/routes", {"method": "GET", "path": "/later", "script": "later", "access": "public"})
    admin.call("POST", "/apps/shop/triggers/queue", {"script": "later", "queue": "jobs"})
    return admin


@pytest.fixture(scope="session")
def inbound_url(admin: Admin) -> str:
    trigger = admin.call("POST", "/apps/shop/triggers/email", {"script": "count", "inbound_secret": SECRET})
    return f"https://{DOMAIN}/api/v1/email-inbound/{trigger['app_id']}/{trigger['id']}"


def _without_network(folder: Path) -> None:
    """Names lead to the machine itself."""
    (folder / "etc" / "hosts").write_text(f"127.0.0.1 localhost {DOMAIN} shop.test\n")
