"""etc/caddy/Caddyfile, as Caddy itself reads it: where what goes, in one process and with the parts apart."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from picloud.box.layout import PARTS, WHOLE, Layout
from picloud.box.proxy import Site, environment
from picloud.domain.parts import MANAGER, ORCHESTRATOR

FILE = Path(__file__).parents[2] / "etc" / "caddy" / "Caddyfile"
CADDY = shutil.which("caddy")
pytestmark = pytest.mark.skipif(CADDY is None, reason="needs Caddy (apt install caddy)")


def adapted(layout: Layout, home: Path, command: str = "adapt") -> str:
    given = dict(pair.split("=", 1) for pair in environment(Site("box.test", local_certificates=True), layout))
    done = subprocess.run(
        [str(CADDY), command, "--config", str(FILE), "--adapter", "caddyfile"],
        env={"PATH": os.environ["PATH"], "HOME": str(home)} | given,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("layout", [WHOLE, PARTS], ids=lambda layout: layout.name)
def test_caddy_takes_it(layout: Layout, tmp_path: Path) -> None:
    adapted(layout, tmp_path, "validate")


def test_it_is_formatted(tmp_path: Path) -> None:
    copy = tmp_path / "Caddyfile"
    shutil.copyfile(FILE, copy)
    subprocess.run([str(CADDY), "fmt", "--overwrite", str(copy)], check=True, env={"HOME": str(tmp_path)})
    assert copy.read_text() == FILE.read_text()


@pytest.mark.parametrize("layout", [WHOLE, PARTS], ids=lambda layout: layout.name)
def test_everything_goes_to_the_sockets_of_the_layout(layout: Layout, tmp_path: Path) -> None:
    config = adapted(layout, tmp_path)
    assert set(re.findall(r'"dial":"([^"]+)"', config)) == {f"unix/{web.path}" for web in layout.webs}


def test_what_goes_to_the_orchestrator_is_what_it_serves(tmp_path: Path) -> None:
    servers = json.loads(adapted(PARTS, tmp_path))["apps"]["http"]["servers"].values()
    [dashboard] = [
        route for server in servers for route in server["routes"] if {"host": ["box.test"]} in route.get("match", [])
    ]
    goes_to = {
        upstream["dial"]: [pattern for match in inner.get("match", []) for pattern in match["path"]]
        for route in dashboard["handle"]
        for inner in route["routes"]
        for handler in inner["handle"]
        for upstream in handler.get("upstreams", [])
    }
    intake = goes_to.pop(f"unix/{PARTS.orchestrator.path}")
    assert goes_to == {f"unix/{PARTS.manager.path}": []}
    for pattern in intake:
        assert ORCHESTRATOR.serves(pattern.removesuffix("*"))
        assert not MANAGER.serves(pattern.removesuffix("*"))
