"""Every form can be shown as the API call that it stands for; then nothing is done."""

import html
import shlex

from webtest import TestApp

from tests.functional.browsing import browser, email, form_to, signed_in
from tests.functional.client import ADMIN, Client

__all__ = ["browser", "email", "signed_in"]

SCRIPT = "def handler(ctx):\n    return 1\n"


def shown(signed_in: TestApp, path: str, fields: list[tuple[str, str]], status: int | None = None) -> list[str]:
    """The words of the command; none where something else is answered."""
    answer = signed_in.post(path, [*fields, ("as_curl", "1")], status=status or "*")
    command = answer.html.find(id="as-curl-command")
    return shlex.split(html.unescape(command.text).replace("\\\n", "")) if command else []


def test_it_is_the_call_with_what_is_filled_in(signed_in: TestApp, owner: Client) -> None:
    slug = owner.new_app()
    owner.script(slug, "greet", SCRIPT)
    path = f"/apps/{slug}/scripts/greet"
    form = form_to(signed_in.get(path), "/greet")
    form["source"] = "it's\n"
    command = shown(signed_in, path, form.submit_fields(), 200)
    assert command[:4] == ["curl", "-X", "PUT", f"http://localhost{ADMIN}{path}"]
    assert command[-1].startswith('{"source":"it\'s\\n"')
    assert owner.get(path)["source"] == SCRIPT


def test_what_is_secret_is_not_shown(signed_in: TestApp, owner: Client) -> None:
    slug = owner.new_app()
    path = f"/apps/{slug}/secrets"
    form = form_to(signed_in.get(path), "/secrets")
    form["name"], form["value"] = "TOKEN", "a hidden one"
    command = shown(signed_in, path, form.submit_fields(), 200)
    assert command[3].endswith(f"{path}/TOKEN")
    assert command[-1] == '{"value":"<value>"}'
    assert owner.get(path)["items"] == []


def test_no_form_does_what_it_shows(signed_in: TestApp, owner: Client) -> None:
    slug = owner.new_app()
    app = f"/apps/{slug}"
    owner.script(slug, "greet", SCRIPT)
    owner.route(slug, "GET", "/greet", "greet")
    trigger = owner.email_trigger(slug, "greet")["id"]
    owner.put(f"{app}/kv/things/one", {"value": 1})
    owner.put(f"{app}/secrets/TOKEN", {"value": "hidden"})
    of_app = ["new-script", "scripts/greet", "routes", "new-trigger/cron", f"triggers/{trigger}", "kv", "kv/things/one"]
    paths = [f"{app}/{name}" for name in (*of_app, "secrets", "domains", "members", "settings")]
    before, commands = newest_event(owner), []
    for path in (*paths, "/apps", "/users", "/api-keys"):
        page = signed_in.get(path)
        in_main = {element.get("action", "") for element in page.html.main.find_all("form", method="post")}
        forms = [form for form in page.forms.values() if form.method.upper() == "POST" and form.action in in_main]
        for form in forms:
            commands.append(shown(signed_in, form.action or path, form.submit_fields()))
    made = [command for command in commands if command]
    assert len(made) >= 15, commands
    assert {command[2] for command in made} >= {"POST", "PUT", "PATCH", "DELETE"}
    assert newest_event(owner) == before


def newest_event(owner: Client) -> str:
    return str(owner.get("/audit-events")["items"][0]["id"])
