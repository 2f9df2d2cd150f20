"""An owner's first hour: from the set-up link to a dead letter that is delivered after all, then every page in both colours
and on a phone."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.functional.serving import Serving

pytest.importorskip("playwright.sync_api", reason="needs the extra `browser`")
pytest.importorskip("axe_playwright_python", reason="needs the extra `browser`")

from tests.browser.conftest import PATIENCE_MS
from tests.browser.watch import Watched

if TYPE_CHECKING:
    from playwright.sync_api import Browser, StorageState

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

GREETS = "def handler(ctx):\n    ctx.log.info('a call', who=ctx.event.kind)\n    return {'hello': 'world'}\n"
FAILS = "def handler(ctx):\n    name = ctx.event.queue.payload\n    raise ValueError('nobody is called so')\n"
PHONE = {"viewport": {"width": 360, "height": 740}, "color_scheme": "dark", "has_touch": True}


@dataclass
class Walk:
    """`pages`: every page that was seen, with a name for its picture."""

    slug: str
    pages: dict[str, str] = field(default_factory=dict)

    @property
    def app(self) -> str:
        return f"/apps/{self.slug}"

    def seen(self, name: str, watched: Watched) -> None:
        self.pages[name] = watched.path


@pytest.fixture(scope="module")
def walk(serving: Serving, chromium: "Browser", owner: "StorageState") -> Walk:
    """The walk itself, from the set-up on: it fails where a step does."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, color_scheme="light", storage_state=owner)
    watched, walk = Watched(context.new_page(), serving.address), Walk("shop")
    watched.page.set_default_timeout(PATIENCE_MS)
    watched.open("/")
    walk.seen("overview", watched)
    for step in (*JOURNEY, people, own_account):
        step(watched, walk, serving)
    assert watched.troubles == []
    context.close()
    return walk


def first_app(watched: Watched, walk: Walk, serving: Serving) -> None:
    watched.page.get_by_role("link", name="Apps", exact=True).click()
    watched.fill("Slug", walk.slug)
    watched.press("Make the app")
    assert watched.path == walk.app
    walk.seen("app", watched)
    walk.pages["apps"] = "/apps"


def first_script(watched: Watched, walk: Walk, serving: Serving) -> None:
    watched.page.get_by_role("link", name="Scripts").click()
    walk.seen("scripts", watched)
    watched.page.get_by_role("link", name="New script").click()
    walk.seen("new-script", watched)
    watched.fill("Name", "greet")
    watched.write(GREETS)
    watched.press("Make the script")
    assert watched.path == f"{walk.app}/scripts/greet"
    walk.seen("script", watched)
    watched.press("Run the test")
    assert watched.page.get_by_role("status").get_by_text("hello").first.is_visible()
    watched.page.get_by_label("What changed").fill("nothing much")
    watched.press("Save and activate")
    watched.page.get_by_role("link", name="version 2").click()
    walk.seen("versions", watched)


def first_route(watched: Watched, walk: Walk, serving: Serving) -> None:
    watched.page.get_by_role("link", name="Routes", exact=True).click()
    watched.fill("Path", "/greet")
    watched.press("Add the route")
    walk.seen("routes", watched)
    assert serving.request(f"/run/{walk.slug}/greet").json == {"hello": "world"}


def first_mail(watched: Watched, walk: Walk, serving: Serving) -> None:
    watched.page.get_by_role("link", name="Triggers", exact=True).click()
    walk.seen("triggers", watched)
    for kind in ("kv", "cron", "dead_letter", "queue", "email"):
        watched.open(f"{walk.app}/new-trigger/{kind}")
        walk.seen(f"new-{kind}-trigger", watched)
    watched.press("Make the trigger")
    assert watched.page.locator("#secret-shown").inner_text().startswith("whsec_")
    watched.page.get_by_role("link", name="Triggers", exact=True).click()
    watched.page.locator("tbody").get_by_role("link", name=re.compile("^Email")).click()
    walk.seen("email-trigger", watched)
    watched.page.get_by_label("Subject").fill("The first mail")
    watched.press("Send the test")
    watched.page.get_by_role("heading", name="delivered").wait_for()
    watched.page.get_by_role("link", name="The delivery").click()
    walk.seen("delivery", watched)
    watched.page.get_by_role("link", name="run of attempt 1").click()
    assert watched.page.get_by_text("The first mail").first.is_visible()
    walk.seen("execution", watched)
    walk.pages |= {"executions": f"{walk.app}/executions", "deliveries": f"{walk.app}/deliveries"}


def dead_letter(watched: Watched, walk: Walk, serving: Serving) -> None:
    watched.open(f"{walk.app}/new-script")
    watched.fill("Name", "names")
    watched.write(FAILS)
    watched.press("Make the script")
    watched.open(f"{walk.app}/new-trigger/queue")
    watched.page.get_by_label("Script that runs").select_option("names")
    watched.fill("Queue", "names")
    watched.page.get_by_text("Attempts, times, priority").click()
    watched.fill("Attempts at most", "1")
    watched.press("Make the trigger")
    walk.seen("queue-trigger", watched)
    for _ in range(2):
        watched.open(walk.pages["queue-trigger"])
        watched.press("Send a sample event")
        watched.page.get_by_role("heading", name="dead").wait_for()
    watched.page.get_by_role("link", name="The delivery").click()
    walk.seen("dead-delivery", watched)
    watched.page.get_by_role("link", name="run of attempt 1").click()
    assert "raise ValueError" in watched.page.locator(".failing").inner_text()
    walk.seen("failed-execution", watched)
    watched.page.get_by_role("link", name="Dead letters", exact=True).click()
    walk.seen("dead-letters", watched)
    watched.open(f"{walk.app}/scripts/names")
    watched.write(GREETS)
    watched.press("Save and activate")
    watched.page.get_by_role("link", name="Dead letters", exact=True).click()
    letters = watched.page.locator("table").nth(1).get_by_role("link")
    walk.pages["dead-letter"] = letters.last.get_attribute("href") or ""
    letters.first.click()
    watched.press("Replay with the active version")
    watched.page.get_by_role("heading", name="delivered").wait_for()


def people(watched: Watched, walk: Walk, serving: Serving) -> None:
    watched.open(f"{walk.app}/kv")
    watched.fill("Collection", "orders")
    watched.fill("Key", "1")
    watched.press("Set it")
    walk.seen("entries", watched)
    watched.open(f"{walk.app}/secrets")
    watched.fill("Name", "TOKEN")
    watched.fill("Value", "a hidden one")
    watched.press("Set it")
    watched.open("/users")
    watched.fill("Email", "grace@example.com")
    watched.press("Make the user")
    watched.open(f"{walk.app}/members")
    watched.fill("Email of the user", "grace@example.com")
    watched.press("Give the role")
    for name in ("kv", "kv/orders/1", "secrets", "domains", "members", "settings"):
        walk.pages[name.replace("/", "-")] = f"{walk.app}/{name}"


def own_account(watched: Watched, walk: Walk, serving: Serving) -> None:
    watched.open("/api-keys")
    watched.fill("Name", "deploy")
    watched.page.get_by_label("script:write").check()
    watched.press("Make the key")
    assert watched.page.locator("#key-shown").inner_text().startswith("pic_")
    for name in ("users", "api-keys", "audit", "account", "reauthenticate"):
        walk.pages[name] = f"/{name}"


JOURNEY = (first_app, first_script, first_route, first_mail, dead_letter)


def test_the_way_is_open_on_a_phone_in_the_dark_too(
    walk: Walk, serving: Serving, chromium: "Browser", owner: "StorageState"
) -> None:
    context = chromium.new_context(**PHONE, storage_state=owner)  # type: ignore[arg-type]
    watched, on_the_phone = Watched(context.new_page(), serving.address), Walk("phone")
    watched.page.set_default_timeout(PATIENCE_MS)
    watched.open("/apps")
    for step in JOURNEY:
        step(watched, on_the_phone, serving)
    assert watched.troubles == []
    context.close()


@pytest.mark.parametrize("width", [1280, 360])
def test_every_page_is_open_to_all_quiet_and_fits(
    walk: Walk, serving: Serving, chromium: "Browser", owner: "StorageState", pictures: Path | None, width: int
) -> None:
    assert len(walk.pages) > 30
    context = chromium.new_context(viewport={"width": width, "height": 800}, color_scheme="light", storage_state=owner)
    watched = Watched(context.new_page(), serving.address)
    barriers, too_wide, cut = list[str](), list[str](), list[str]()
    for name, path in walk.pages.items():
        watched.open(path)
        barriers += watched.barriers()
        too_wide += [path] if watched.is_too_wide() else []
        cut += watched.cut_tables()
        watched.picture(pictures, f"{name}-light-{width}")
        watched.turn_dark()
        barriers += watched.faint_colours()
        watched.picture(pictures, f"{name}-dark-{width}")
    context.close()
    assert barriers == []
    assert watched.troubles == []
    assert too_wide == []
    assert cut == []


def test_pages_for_all_are_open_to_all(serving: Serving, walk: Walk, chromium: "Browser") -> None:
    context = chromium.new_context(color_scheme="dark")
    watched = Watched(context.new_page(), serving.address)
    watched.open("/sign-in")
    assert watched.barriers() == []
    assert watched.troubles == []
    context.close()
