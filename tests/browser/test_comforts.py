"""What only a browser with JavaScript has: the editor, keys, lists that are live, and how little of it is loaded."""

import re
import time
from typing import TYPE_CHECKING

import pytest

from tests.functional.client import eventually
from tests.functional.event_stream import EventStream
from tests.functional.serving import Serving

pytest.importorskip("playwright.sync_api", reason="needs the extra `browser`")
pytest.importorskip("axe_playwright_python", reason="needs the extra `browser`")

from playwright.sync_api import expect

from tests.browser.watch import Watched

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Request, StorageState

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

FIRST = "def handler(ctx):\n    return {'n': 1}\n"
SECOND = FIRST.replace("1", "2")
BROKEN = "def handler(ctx):\n    exec('1')\n    return 1\n"
TABS = 4
SEATS = 12
FREED_S = 60.0
KIB = 1024


@pytest.fixture(scope="module")
def app(serving: Serving, owner: "StorageState") -> str:
    """With a script behind a route. The set-up comes first: it is for a PiCloud without an owner."""
    slug = serving.owner.new_app()
    serving.owner.script(slug, "greet", FIRST)
    serving.owner.route(slug, "GET", "/greet", "greet")
    return slug


def test_the_compiler_speaks_while_one_types_and_nothing_is_lost(watched: Watched, serving: Serving, app: str) -> None:
    page, path = watched.page, f"/apps/{app}/scripts/greet"
    watched.open(path)
    state = page.locator("[data-state]")
    expect(state).to_have_text("live")
    watched.write(BROKEN)
    expect(page.locator(".cm-lintRange-error")).to_have_text("exec")
    expect(state).to_have_text("draft")
    assert watched.barriers() == []
    watched.open(f"/apps/{app}/scripts")
    expect(page.locator("[data-drafts]")).to_contain_text("draft")
    watched.open(path)
    page.get_by_role("button", name="Go on with it").click()
    assert watched.source == BROKEN
    watched.write(SECOND)
    expect(page.locator(".cm-lintRange-error")).to_have_count(0)
    page.keyboard.press("ControlOrMeta+s")
    expect(state).to_have_text("live")
    assert serving.owner.get(f"{path}")["source"] == SECOND
    page.keyboard.press("ControlOrMeta+f")
    assert watched.troubles == []


def test_a_version_that_is_saved_waits_until_it_is_made_live(watched: Watched, serving: Serving, app: str) -> None:
    page, path = watched.page, f"/apps/{app}/scripts/later"
    serving.owner.script(app, "later", FIRST)
    watched.open(path)
    watched.write(SECOND)
    watched.press("Save only")
    expect(page.locator("[data-state]")).to_have_text("saved")
    assert serving.owner.get(path)["source"] == FIRST
    watched.press("Make version 2 live")
    assert eventually(lambda: serving.owner.get(path)["source"] == SECOND)
    assert watched.troubles == []


def test_a_draft_from_before_overwrites_nobody(watched: Watched, serving: Serving, app: str) -> None:
    page, path = watched.page, f"/apps/{app}/scripts/shared"
    serving.owner.script(app, "shared", FIRST)
    watched.open(path)
    watched.write(SECOND)
    expect(page.locator("[data-state]")).to_have_text("draft")
    serving.owner.put(path, {"source": FIRST + "# theirs\n"})
    watched.open(path)
    page.get_by_role("button", name="Go on with it").click()
    watched.press("Save and activate")
    expect(page.get_by_role("alert")).to_contain_text("saved version 2 meanwhile")
    assert watched.source == SECOND
    assert serving.owner.get(path)["source"] == FIRST + "# theirs\n"


def test_tab_indents_and_escape_lets_go(watched: Watched, app: str) -> None:
    watched.open(f"/apps/{app}/new-script")
    watched.write("def handler(ctx):\n")
    for key in ("Tab", "x"):
        watched.page.keyboard.press(key)
    assert watched.source.endswith("\n    x")
    watched.page.keyboard.press("Escape")
    watched.page.keyboard.press("Tab")
    expect(watched.page.locator(".cm-content")).not_to_be_focused()
    assert watched.troubles == []


def test_keys_lead_everywhere(watched: Watched, app: str) -> None:
    page = watched.page
    watched.open("/")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    assert watched.barriers() == []
    page.keyboard.press("Escape")
    page.keyboard.press("ControlOrMeta+k")
    palette = page.get_by_role("dialog", name="Go to")
    palette.get_by_role("searchbox").press_sequentially("greet")
    expect(palette.get_by_role("link", name=re.compile("^greet"))).to_be_visible()
    assert watched.barriers() == []
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/apps/{app}/scripts/greet")
    watched.open(f"/apps/{app}/scripts")
    page.keyboard.press("j")
    expect(page.locator("tbody a").first).to_be_focused()
    watched.open(f"/apps/{app}/executions")
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox", name="Script")).to_be_focused()
    assert watched.troubles == []


def test_a_list_is_live_and_says_what_it_missed(watched: Watched, serving: Serving, app: str) -> None:
    page = watched.page
    watched.open(f"/apps/{app}/executions?script=greet")
    state, rows = page.locator("[data-tail-state]"), page.locator("#found tbody tr")
    expect(state).to_have_text("live")
    before = rows.count()
    serving.request(f"/run/{app}/greet")
    expect(rows).to_have_count(before + 1)
    expect(rows.first).to_have_class("fresh")
    expect(rows.first).to_contain_text("GET /greet")
    look_away(watched, hidden=True)
    expect(state).to_contain_text("paused")
    for _ in range(3):
        serving.request(f"/run/{app}/greet")
    recorded = f"/apps/{app}/executions"
    eventually(lambda: len(serving.owner.get(recorded)["items"]) >= before + 4)
    look_away(watched, hidden=False)
    expect(state).to_have_text("live; caught up, 3 missed")
    expect(rows).to_have_count(before + 4)
    assert watched.troubles == []


def test_a_restart_is_said_and_lived_through(watched: Watched, serving: Serving, app: str) -> None:
    page = watched.page
    watched.open(f"/apps/{app}/executions")
    state, rows = page.locator("[data-tail-state]"), page.locator("#found tbody tr")
    expect(state).to_have_text("live")
    before = rows.count()
    serving.stop()
    expect(state).to_contain_text("trying again")
    serving.start_and_wait()
    serving.request(f"/run/{app}/greet")
    expect(state).to_contain_text("live")
    expect(rows).to_have_count(before + 1)


def test_four_tails_leave_the_dashboard_free_and_closed_tabs_give_their_threads_back(
    context: "BrowserContext", serving: Serving, app: str
) -> None:
    tabs = [Watched(context.new_page(), serving.address) for _ in range(TABS)]
    for tab in tabs:
        tab.open(f"/apps/{app}/executions")
        expect(tab.page.locator("[data-tail-state]")).to_have_text("live")
    for path in ("/", "/apps", f"/apps/{app}/scripts/greet", "/audit"):
        other = Watched(context.new_page(), serving.address)
        other.open(path)
        other.page.close()
    assert [tab.troubles for tab in tabs] == [[]] * TABS
    for tab in tabs:
        tab.page.close()
    closed_at = time.monotonic()
    stream = f"/api/v1/admin/apps/{app}/executions/stream"
    streams: list[EventStream] = []
    while len(streams) < SEATS and time.monotonic() - closed_at < FREED_S:
        opened = EventStream(serving, stream, serving.key)
        if opened.answer.status == 200:
            streams.append(opened)
    for opened in streams:
        opened.close()
    assert len(streams) == SEATS


@pytest.mark.parametrize(
    ("path", "limit"),
    [
        ("/", 35 * KIB),
        ("/apps/{app}/executions", 35 * KIB),
        ("/apps/{app}/triggers", 35 * KIB),
        ("/apps/{app}/scripts/greet", 190 * KIB),
    ],
)
def test_little_is_loaded(watched: Watched, app: str, path: str, limit: int) -> None:
    """As it comes from PiCloud itself, heads and all."""
    finished: list[Request] = []
    watched.page.on("requestfinished", lambda request: finished.append(request))
    watched.open(path.format(app=app))
    sizes = [request.sizes() for request in finished]
    loaded = sum(size["responseBodySize"] + size["responseHeadersSize"] for size in sizes)
    print(path, loaded)
    assert len(sizes) >= 4
    assert loaded < limit


def look_away(watched: Watched, *, hidden: bool) -> None:
    """As when another tab comes to the front."""
    watched.page.evaluate(
        """(hidden) => {
            Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
            document.dispatchEvent(new Event("visibilitychange"));
        }""",
        hidden,
    )
