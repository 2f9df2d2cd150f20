"""Scripts in the dashboard: written, refused, tried out, compared, kept from overwriting each other."""

from webtest import TestApp

from tests.functional.browsing import browser, email, form_to, said, signed_in
from tests.functional.client import Client, eventually

__all__ = ["browser", "email", "signed_in"]

FIRST = "def handler(ctx):\n    return {'n': 1}\n"
BROKEN = "def handler(ctx):\n    return (\n"
FAILS = "def handler(ctx):\n    ctx.log.info('on the way')\n    raise ValueError('no good')\n"


def new_script(signed_in: TestApp, slug: str, name: str, source: str) -> None:
    form = form_to(signed_in.get(f"/apps/{slug}/new-script"), "/new-script")
    form["name"], form["source"] = name, source
    form.submit(status=303)


def test_a_script_is_made_and_a_mistake_in_it_is_shown_where_it_stands(signed_in: TestApp, owner: Client) -> None:
    slug = owner.new_app()
    assert "Write the first one" in signed_in.get(f"/apps/{slug}/scripts").text
    form = form_to(signed_in.get(f"/apps/{slug}/new-script"), "/new-script")
    form["name"], form["source"] = "greet", BROKEN
    refused = form.submit(status=422)
    assert "line 2" in said(refused)
    assert "return (" in refused.html.find(class_="failing").text
    form = form_to(refused, "/new-script")
    assert "return (" in form["source"].value
    form["source"] = FIRST
    assert form.submit(status=303).location.endswith(f"/apps/{slug}/scripts/greet")
    assert "greet" in signed_in.get(f"/apps/{slug}/scripts").html.table.text


def test_saving_makes_a_version_and_what_another_saved_is_not_overwritten(signed_in: TestApp, owner: Client) -> None:
    slug = owner.new_app()
    new_script(signed_in, slug, "greet", FIRST)
    form = form_to(signed_in.get(f"/apps/{slug}/scripts/greet"), "/greet")
    owner.put(f"/apps/{slug}/scripts/greet", {"source": FIRST.replace("1", "2")})
    form["source"] = FIRST.replace("1", "3")
    refused = form.submit(status=412)
    assert "saved version 2 meanwhile" in said(refused)
    assert "'n': 2" in refused.html.find(class_="removed").text
    again = form_to(refused, "/greet")
    assert "'n': 3" in again["source"].value
    again.submit(status=303)
    assert owner.get(f"/apps/{slug}/scripts/greet")["active_version"] == 3


def test_versions_are_compared_and_brought_back(signed_in: TestApp, owner: Client) -> None:
    slug = owner.new_app()
    new_script(signed_in, slug, "greet", FIRST)
    owner.put(f"/apps/{slug}/scripts/greet", {"source": FIRST.replace("1", "2"), "message": "two"})
    page = signed_in.get(f"/apps/{slug}/scripts/greet/versions")
    assert "'n': 2" in page.html.find(class_="added").text
    form_to(page, "/versions/1/activate").submit(status=303)
    assert owner.get(f"/apps/{slug}/scripts/greet")["active_version"] == 1


def test_a_draft_is_tried_out_and_shows_what_came_of_it(signed_in: TestApp, owner: Client) -> None:
    slug = owner.new_app()
    new_script(signed_in, slug, "greet", FIRST)
    form = form_to(signed_in.get(f"/apps/{slug}/scripts/greet"), "/greet")
    form["source"], form["kind"] = "def handler(ctx):\n    return ctx.event.queue.payload\n", "queue"
    form["event"] = '{"payload": {"answer": 42}}'
    form.action += "/test"
    tried = form.submit(status=200)
    assert '"answer": 42' in tried.html.find(attrs={"role": "status"}).text
    form = form_to(tried, "/greet")
    assert "payload" in form["source"].value
    form["source"], form["event"] = FAILS, ""
    form.action += "/test"
    failed = form.submit(status=200).html.find(attrs={"role": "status"}).text
    assert "no good" in failed
    assert "on the way" in failed
    assert owner.get(f"/apps/{slug}/scripts/greet")["source"] == FIRST


def test_a_script_is_tried_out_on_an_event_that_came(signed_in: TestApp, owner: Client, app: TestApp) -> None:
    slug = owner.new_app()
    new_script(signed_in, slug, "greet", FIRST)
    owner.route(slug, "GET", "/greet/{name}", "greet")
    app.get(f"/run/{slug}/greet/ada")
    [execution] = eventually(lambda: owner.get(f"/apps/{slug}/executions")["items"])
    form = form_to(signed_in.get(f"/apps/{slug}/scripts/greet"), "/greet")
    assert "GET /greet/ada" in str(form["execution"].options)
    form["source"] = "def handler(ctx):\n    ctx.kv('seen').set('a', 1)\n    return ctx.event.http.path\n"
    form["execution"] = execution["id"]
    form.action += "/test"
    tried = form.submit(status=200).html.find(attrs={"role": "status"})
    assert "/greet/ada" in tried.text
    assert "seen/a" in tried.find("table").text
    assert owner.get(f"/apps/{slug}/kv")["items"] == []


def test_a_version_waits_until_it_is_made_live(signed_in: TestApp, owner: Client) -> None:
    slug = owner.new_app()
    new_script(signed_in, slug, "greet", FIRST)
    path = f"/apps/{slug}/scripts/greet"
    form = form_to(signed_in.get(path), "/greet")
    form["source"] = FIRST.replace("1", "2")
    waits = form.submit("activate", status=303).follow()
    assert waits.html.find(attrs={"data-state": "saved"})
    assert "'n': 2" in form_to(waits, "/greet")["source"].value
    assert "'n': 1" in form_to(signed_in.get(path), "/greet")["source"].value
    assert "saved" in signed_in.get(f"/apps/{slug}/scripts").html.table.text
    form_to(waits, "/versions/2/activate").submit(status=303)
    assert signed_in.get(path).html.find(attrs={"data-state": "live"})
    assert "'n': 2" in owner.get(path)["source"]
    signed_in.get(f"{path}?version=9", status=404)


def test_an_event_that_is_no_json_is_said_beside_the_form(signed_in: TestApp, owner: Client) -> None:
    slug = owner.new_app()
    new_script(signed_in, slug, "greet", FIRST)
    form = form_to(signed_in.get(f"/apps/{slug}/scripts/greet"), "/greet")
    form["event"] = "{not json"
    form.action += "/test"
    refused = form.submit(status="*")
    assert refused.status_int in (400, 422)
    assert "event" in said(refused)


def test_limits_are_set_and_a_script_is_deleted(signed_in: TestApp, owner: Client) -> None:
    slug = owner.new_app()
    new_script(signed_in, slug, "greet", FIRST)
    form = form_to(signed_in.get(f"/apps/{slug}/scripts/greet"), "/limits")
    form["wall_ms"] = "700"
    form.submit(status=303)
    assert owner.get(f"/apps/{slug}/scripts/greet")["limits"] == {"wall_ms": 700}
    form_to(signed_in.get(f"/apps/{slug}/scripts/greet"), "/delete").submit(status=303)
    owner.get(f"/apps/{slug}/scripts/greet", status=404)
