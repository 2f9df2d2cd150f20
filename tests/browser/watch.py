"""A page of the dashboard in Chromium, and whatever goes wrong on it."""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import ConsoleMessage, Page, Request

STANDARDS = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
OF_COLOURS = {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}
"""All rules of `STANDARDS` that look at colours."""


class Watched:
    """`troubles`: console errors, violations of the page's policy, scripts that threw, requests that leave the box."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.address = address
        self.troubles: list[str] = []
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.troubles.append(f"{page.url}: {error}"))
        page.on("request", self._request)
        page.add_init_script(
            "document.addEventListener('securitypolicyviolation', e => console.error('policy: ' + e.violatedDirective))"
        )

    def open(self, path: str) -> None:
        answer = self.page.goto(self.address + path)
        assert answer is not None
        assert answer.status == 200, (path, answer.status)

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()

    def fill(self, label: str, value: str) -> None:
        self.page.get_by_label(label, exact=True).fill(value)

    def write(self, source: str) -> None:
        """Into the editor, in the place of what stands there."""
        self.page.locator(".cm-content").click()
        self.page.keyboard.press("ControlOrMeta+a")
        self.page.keyboard.press("Delete")
        self.page.keyboard.insert_text(source)

    @property
    def source(self) -> str:
        """What stands in the editor."""
        return "\n".join(self.page.locator(".cm-line").all_text_contents())

    @property
    def path(self) -> str:
        return urlsplit(self.page.url).path

    def barriers(self) -> list[str]:
        """What axe-core finds in the way of people."""
        return self._violations(STANDARDS)

    def faint_colours(self) -> list[str]:
        """What `barriers` would find by the colours alone: all that another colour scheme changes."""
        return self._violations(OF_COLOURS)

    def turn_dark(self) -> None:
        """As a device does in the evening, with the page open."""
        self.page.emulate_media(color_scheme="dark")

    def is_too_wide(self) -> bool:
        """Whether the page as a whole has to be scrolled sideways."""
        return bool(self.page.evaluate("document.documentElement.scrollWidth > window.innerWidth"))

    def cut_tables(self) -> list[str]:
        """Tables of which a part is out of sight, by their names; what is folded up in `details` does not count."""
        found: list[str] = self.page.evaluate(
            """() => [...document.querySelectorAll(".scroll")]
                .filter((part) => part.scrollWidth > part.clientWidth && !part.closest("details"))
                .map((part) => `${location.pathname}: ${part.getAttribute("aria-label") ?? part.innerText.slice(0, 60)}`)"""
        )
        return found

    def picture(self, folder: Path | None, name: str) -> None:
        if folder is not None:
            self.page.screenshot(path=folder / f"{name}.png", full_page=True)

    def _violations(self, rules: Mapping[str, object]) -> list[str]:
        found = Axe().run(self.page, options={**rules, "resultTypes": ["violations"]}).response["violations"]
        return [f"{self.path}: {each['id']}: {node['html'][:200]}" for each in found for node in each["nodes"]]

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.troubles.append(f"{self.page.url}: {message.text}")

    def _request(self, request: Request) -> None:
        if not request.url.startswith((self.address, "data:")):
            self.troubles.append(f"{self.page.url} asks for {request.url}")
