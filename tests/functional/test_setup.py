"""The first owner: by a link that the terminal shows, once, or by the command line."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.functional.client import Client
from tests.functional.serving import Serving

PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Any:
    serving = Serving(tmp_path_factory.mktemp("box"))
    serving.start_and_wait()
    yield serving
    serving.end()


def token_in(text: str) -> str:
    [token] = re.findall(r"http://\S+/setup#(\S+)", text)
    return str(token)


def has_owner(box: Serving) -> Any:
    return box.request("/api/v1/setup").json["has_owner"]


def set_up(box: Serving, token: str, status: int, **changed: str) -> Any:
    body = json.dumps({"token": token, "email": "ada@example.com", "password": PASSWORD} | changed).encode()
    answer = box.request("/api/v1/setup", method="POST", body=body, headers={"Content-Type": "application/json"})
    assert answer.status_int == status, answer.text
    return answer.json


def test_from_nobody_to_the_owner(box: Serving) -> None:
    """One story, for there is one first owner."""
    anybody = Client(box, None)
    sign_in = {"email": "ada@example.com", "password": PASSWORD}
    assert has_owner(box) is False
    refused = anybody.post("/session", sign_in, status=409)
    assert refused["code"] == "no_owner"
    assert "picloud admin setup-link" in refused["detail"]

    printed = token_in(box.output)
    newer = token_in(box.cli("admin", "setup-link"))
    set_up(box, printed, 403)  # a newer link ends it
    set_up(box, "pic_setup_guess", 403)
    set_up(box, newer, 422, password="short")
    set_up(box, newer, 422, email="nobody")
    owner = set_up(box, newer, 201)
    assert (owner["email"], owner["role"]) == ("ada@example.com", "owner")
    assert set_up(box, newer, 409, email="eve@example.com")["code"] == "has_owner"
    assert has_owner(box) is True
    anybody.post("/session", sign_in, status=201)

    done = box.run("admin", "setup-link")
    assert done.returncode == 1
    assert "has an owner" in done.stderr
    box.stop()
    before = box.output
    box.start_and_wait()
    assert "/setup#" not in box.output[len(before) :]


def test_what_the_command_line_did_is_in_the_audit(box: Serving) -> None:
    events = box.owner.get("/audit-events")["items"]
    assert {event["via"] for event in events} >= {"command line", "set-up link"}
    assert not any(PASSWORD in str(event) for event in events)


def test_no_password_is_in_the_log(box: Serving) -> None:
    assert PASSWORD not in box.log
    assert "pic_setup_" not in box.log
    assert PASSWORD not in Path(box.output_file).read_text()
