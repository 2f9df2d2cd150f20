"""The page of a run, and of its delivery, while the delivery is tried again."""

from typing import TYPE_CHECKING, Any

import pytest

from tests.functional.client import eventually
from tests.functional.serving import Serving

pytest.importorskip("playwright.sync_api", reason="needs the extra `browser`")
pytest.importorskip("axe_playwright_python", reason="needs the extra `browser`")

from playwright.sync_api import expect

from tests.browser.watch import Watched

if TYPE_CHECKING:
    from playwright.sync_api import StorageState

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

THIRD_TIME_LUCKY = """def handler(ctx):
    ctx.log.info('try number %d' % ctx.event.attempt)
    if ctx.event.attempt < 3:
        raise ValueError('not yet')
    return {'well': True}
"""


@pytest.fixture
def waiting(serving: Serving, owner: "StorageState") -> tuple[str, dict[str, Any]]:
    """The path of an app, and a delivery in it that has failed once and waits for long."""
    slug = serving.owner.new_app()
    serving.owner.script(slug, "work", THIRD_TIME_LUCKY)
    policy = {"max_attempts": 3, "backoff_base_s": 3000, "backoff_cap_s": 3000}
    trigger = serving.owner.post(f"/apps/{slug}/triggers/queue", {"script": "work", "queue": "jobs"} | policy)
    sent = serving.owner.post(f"/apps/{slug}/triggers/{trigger['id']}/test", {}, status=202)
    path = f"/apps/{slug}/deliveries/{sent['delivery_id']}"
    eventually(lambda: serving.owner.get(path)["state"] == "retrying")
    return f"/apps/{slug}", serving.owner.get(path)


@pytest.mark.parametrize("of", ["run", "delivery"])
def test_it_changes_by_itself_until_the_delivery_has_ended(
    watched: Watched, serving: Serving, waiting: tuple[str, dict[str, Any]], of: str
) -> None:
    (app, delivery), page = waiting, watched.page
    pages = {"run": f"{app}/executions/{delivery['attempts'][0]['execution_id']}"}
    watched.open(pages.get(of) or f"{app}/deliveries/{delivery['id']}")
    state, tries = page.locator("[data-tail-state]"), page.locator("#live li[data-execution]")
    expect(state).to_have_text("live")
    expect(tries).to_have_count(1)
    page.evaluate("window.sameDocument = true")
    for number in (2, 3):
        serving.owner.post(f"{app}/deliveries/{delivery['id']}/retry", {}, status=202)
        expect(tries).to_have_count(number)
        expect(tries.last).to_have_class("fresh")
        expect(page.locator("#live")).to_contain_text(f"try number {number}")
    expect(page.locator("#live [aria-live]")).to_contain_text("delivered")
    expect(state).to_have_text("ended")
    assert page.evaluate("window.sameDocument") is True
    assert watched.barriers() == []
    assert watched.troubles == []


def test_without_javascript_a_reload_tells_the_same(
    serving: Serving, owner: "StorageState", context: Any, waiting: tuple[str, dict[str, Any]]
) -> None:
    app, delivery = waiting
    plain = context.browser.new_context(storage_state=owner, java_script_enabled=False)
    page = plain.new_page()
    page.goto(f"{serving.address}{app}/executions/{delivery['attempts'][0]['execution_id']}")
    expect(page.locator("#live")).to_contain_text("retrying")
    path = f"{app}/deliveries/{delivery['id']}"
    serving.owner.post(f"{path}/retry", {}, status=202)
    eventually(lambda: len(serving.owner.get(path)["attempts"]) == 2)
    page.get_by_role("link", name="Look again").click()
    expect(page.locator("#live li[data-execution]")).to_have_count(2)
    plain.close()
