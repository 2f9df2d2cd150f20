"""`picloud doctor`: each line says what is so, and where it isn't, what to do."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.functional.serving import Serving

pytestmark = pytest.mark.xdist_group("doctor")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    server = Serving(tmp_path_factory.mktemp("doctor"))
    server.start_and_wait()
    yield server
    server.end()


def findings(server: Serving, **environ: str) -> dict[str, Any]:
    return {item["name"]: item for item in json.loads(server.run("doctor", "--json", **environ).stdout)}


def test_a_serving_instance_in_order(served: Serving) -> None:
    served.cli("backup")
    done = served.run("doctor")
    assert done.returncode == 0, done.stdout
    assert "✗" not in done.stdout
    found = findings(served)
    for name in ("database", "schema", "queue", "dead letters", "master key", "disk", "backups", "file modes"):
        assert found[name]["state"] == "ok", found[name]
        assert found[name]["remedy"] == ""


def test_what_is_wrong_is_told_with_its_remedy(served: Serving) -> None:
    key = served.data_dir / "master.key"
    right = key.read_bytes()
    try:
        key.write_text("A" * 43 + "=\n")
        key.chmod(0o644)
        found = findings(served)
    finally:
        key.write_bytes(right)
        key.chmod(0o600)
    assert found["master key"]["state"] == "broken"
    assert "was sealed under the master key" in found["master key"]["detail"]
    assert found["file modes"]["remedy"] == f"chmod o=,g-w {key}"


def test_a_database_that_is_away_is_told(served: Serving) -> None:
    found = findings(served, PICLOUD_DATABASE_URL="postgresql://nobody:x@127.0.0.1:1/none")
    assert found["database"]["state"] == "broken"
    assert "refused" in found["database"]["detail"]


def test_a_certificate_that_can_t_be_had_is_told(served: Serving) -> None:
    found = findings(served, PICLOUD_PUBLIC_URL="https://127.0.0.1:1")
    assert found["certificate"]["state"] == "broken"


def test_nothing_is_made_where_nothing_is(tmp_path: Path) -> None:
    server = Serving(tmp_path)
    assert findings(server)["database"] == {
        "name": "database",
        "state": "warning",
        "detail": f"there is none in {server.data_dir} yet",
        "remedy": "picloud serve",
    }
    assert not server.data_dir.exists()


def test_a_stopped_instance_is_told_and_not_started(tmp_path: Path) -> None:
    server = Serving(tmp_path)
    server.start_and_wait()
    server.end()
    assert findings(server)["database"]["remedy"] == "systemctl start picloud"
    assert findings(server)["backups"]["remedy"] == "picloud backup"


def test_the_api_says_the_same(served: Serving) -> None:
    by_api = {item["name"]: item for item in served.owner.get("/doctor")["items"]}
    by_command = findings(served)
    assert list(by_api) == list(by_command)
    for name in ("system calls (seccomp)", "schema", "master key", "dead letters"):
        assert by_api[name] == by_command[name]
