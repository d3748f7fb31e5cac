"""Chromium, and tabs of it that note every error of the console, of scripts and of the content policy."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = ["--no-sandbox", "--disable-quic", "--disable-background-networking"]
WAIT_MS = 30_000
"""A busy test machine is slow."""

_REPORT_VIOLATIONS = """
addEventListener('securitypolicyviolation', (e) =>
  console.error(`content policy: ${e.violatedDirective} refuses ${e.blockedURI} at ${e.sourceFile}:${e.lineNumber}`));
"""


@contextmanager
def chromium() -> Iterator[Browser]:
    """A running browser, Debian's own."""
    assert CHROMIUM.exists(), "the tests of the pages need a browser; install it with: make system"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


class Watched:
    """A tab with a context of its own.

    Args:
        browser: the browser.
        base: address of the service.
        options: of the context, such as color_scheme or viewport.
    """

    def __init__(self, browser: Browser, base: str, **options: Any) -> None:
        shown = {"viewport": {"width": 1280, "height": 900}, "reduced_motion": "reduce", **options}
        self.context: BrowserContext = browser.new_context(base_url=base, accept_downloads=True, **shown)
        self.context.set_default_timeout(WAIT_MS)
        self.context.add_init_script(_REPORT_VIOLATIONS)
        self.complaints: list[str] = []
        self.page: Page = self.context.new_page()
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.complaints.append(f"script: {error}"))
        self.page.on("requestfailed", lambda request: self._lost(request.url, str(request.failure)))

    def __enter__(self) -> "Watched":
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()

    def open(self, path: str) -> Page:
        """Go to a page and wait until its script has run."""
        self.page.goto(path, wait_until="load")
        return self.page

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"console: {message.text}")

    def _lost(self, url: str, why: str) -> None:
        # leaving a page ends its stream and whatever it was still fetching
        if "ERR_ABORTED" not in why:
            self.complaints.append(f"request: {url}: {why}")
