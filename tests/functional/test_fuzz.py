"""schemathesis over the served document: whatever a client sends with whatever key, the API does what it says.

Few cases for each operation, the same ones each time; `PICLOUD_FUZZ_EXAMPLES=100` tries more, and others. With
`PICLOUD_FUZZ_ROLES="nobody owner"` for these roles alone.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest
from webtest import TestApp

from picloud.cli.listening import listen
from picloud.domain.ids import uuid7
from picloud.domain.kinds import AppRole, InstanceRole
from picloud.process import Process
from picloud.views.server import WebServer
from tests.functional.client import Client, unique
from tests.functional.conftest import make_key

EXAMPLES = os.environ.get("PICLOUD_FUZZ_EXAMPLES", "")
HANDLER = "def handler(ctx):\n    return None\n"
NOBODY = "nobody"
ROLES = os.environ.get("PICLOUD_FUZZ_ROLES", "").split() or [NOBODY, *InstanceRole, *AppRole]

CONFIG = """
[checks]
# What a schema can't say is said by a 422: that a source compiles, that a glob is one, that a script is there.
positive_data_acceptance.expected-statuses = ["2xx", "401", "403", "404", "409", "412", "422", "429"]
# Preconditions are looked at before the body is (RFC 9110, 13.2.1).
negative_data_rejection.expected-statuses = ["400", "401", "403", "404", "405", "409", "412", "413", "415", "422", "429"]

[parameters]
{parameters}

[[operations]]
include-operation-id = "delete_app"
parameters = {{ app = "gone" }}

[[operations]]
include-path-regex = "/triggers/.id."
exclude-method = "DELETE"
parameters = {{ id = "{trigger}" }}

# Else it would sooner or later take away what it works with.
[[operations]]
include-path-regex = "/(users|api-keys)/.id."
parameters = {{ id = "{nobody}" }}
"""


@pytest.fixture
def shop(owner: Client) -> dict[str, str]:
    """An app with one of everything, by the variables of paths."""
    slug = owner.new_app()
    owner.script(slug, "work", HANDLER)
    owner.route(slug, "ANY", "/work", "work")
    trigger = owner.email_trigger(slug, "work")
    owner.put(f"/apps/{slug}/kv/inbox/key", {"value": 1})
    owner.put(f"/apps/{slug}/secrets/TOKEN", {"value": "x"})
    names = {"app": slug, "app_slug": slug, "name": "work", "collection": "inbox", "key": "key", "path": "work"}
    return names | {"app_id": trigger["app_id"], "trigger_id": trigger["id"]}


@pytest.fixture
def keys(process: Process, app: TestApp, owner: Client, shop: dict[str, str]) -> dict[str, str]:
    """A key for each role."""
    found = {role.value: make_key(process, role) for role in InstanceRole}
    for role in AppRole:
        found[role.value] = make_key(process, InstanceRole.MEMBER, email=f"{unique(role.value)}@example.com")
        user_id = Client(app, found[role.value]).get("/me")["id"]
        owner.put(f"/apps/{shop['app']}/members/{user_id}", {"role": role.value})
    return found


@pytest.fixture(scope="module")
def address(app: TestApp) -> Iterator[str]:
    """The application behind the real web server."""
    listening = listen("127.0.0.1:0")
    server = WebServer(app.app, listening, threads=4, body_max_bytes=2**24)
    thread = Thread(target=server.run)
    thread.start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.stop(5.0)
    thread.join()


@pytest.fixture
def config(tmp_path: Path, shop: dict[str, str]) -> Path:
    """With the shop's names for what random ones would never find."""
    path = tmp_path / "schemathesis.toml"
    lines = (f'"path.{name}" = {json.dumps(value)}' for name, value in shop.items())
    path.write_text(CONFIG.format(parameters="\n".join(lines), trigger=shop["trigger_id"], nobody=uuid7()))
    return path


@pytest.mark.fuzz
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("role", ROLES)
def test_the_api_does_what_it_says(role: str, address: str, keys: dict[str, str], config: Path) -> None:
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "run"]
    command += [f"{address}/api/v1/openapi.json", "--checks", "all", "--continue-on-failure", "--no-color"]
    command += ["--exclude-path-regex", "/executions/stream$"]  # it never ends; see test_execution_stream
    command += ["--max-examples", EXAMPLES or "2"] + ([] if EXAMPLES else ["--seed", "1"])
    if role != NOBODY:
        command += ["--header", f"Authorization: Bearer {keys[role]}"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=config.parent, check=False)
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2_000:]
