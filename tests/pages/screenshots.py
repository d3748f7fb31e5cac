"""Pictures of every page for the guide: `python -m tests.pages.screenshots [FOLDER]`, light, dark and on a phone.

Starts a service of its own with simulated searches, so the pictures can be made anywhere and hold nobody's data.
"""

import io
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Page, expect

from tests.api.support import LiveServer, live_server
from tests.pages.browsing import WAIT_MS, Watched, chromium
from tests.pages.serving import TARGETS, start_search, wait_for

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "screenshots"
LARGEST = 150 * 1024
TALLEST = 2400
"""Pixels of one picture; what is longer is cut into several."""

LOOKS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "phone": {"color_scheme": "light", "viewport": {"width": 360, "height": 740}},
}


def main(folder: Path) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, chromium() as browser:
        home = Path(scratch) / "home"
        home.mkdir()
        (home / "targets.toml").write_text(TARGETS)
        with live_server(home) as server:
            pages = _pages(server)
            for look, options in LOOKS.items():
                for name, path in pages.items():
                    with Watched(browser, server.url, **options) as tab:
                        page = tab.open(path)
                        _settle(page, name)
                        for place, picture in enumerate(_pictures(page, name)):
                            file = folder / f"{name}{f'-{place + 1}' if place else ''}-{look}.png"
                            file.write_bytes(picture)
                            print(f"{file.name}: {len(picture) // 1024} KiB")
                        assert [one for one in tab.complaints if "404" not in one] == []
    return 0


def _pages(server: LiveServer) -> dict[str, str]:
    """Some searches, and the address of every page."""
    client = server.client
    labels = {"team": "vision", "board": "orin"}
    one = start_search(client, max_ms=24, name="Front door camera", labels=labels)
    two = start_search(client, max_ms=30, name="Parking lot, larger batch", setting={"batch": 8}, seed=3)
    none = start_search(client, max_ms=6, name="As fast as the old board")
    for search, state in ((one, "succeeded"), (two, "succeeded"), (none, "infeasible")):
        wait_for(client, search, state)
    going = start_search(
        client, target="slow-swin-t", max_ms=28, name="Night model", labels=labels, effort={"evaluations": 2000}
    )
    wait_for(client, going, "running")
    return {
        "searches": "/",
        "new": "/new?target=synthetic-swin-t&max_ms=26",
        "search": f"/searches/{one}",
        "running": f"/searches/{going}",
        "infeasible": f"/searches/{none}",
        "compare": f"/compare?ids={one},{two}",
        "missing": "/searches/nowhere",
    }


def _settle(page: Page, name: str) -> None:
    expect.set_options(timeout=WAIT_MS)
    if name == "search":
        expect(page.locator("#get-bundle")).to_be_visible()
    if name == "new":
        expect(page.locator("#dry")).to_contain_text("26.0 ms")
    if name == "compare":
        expect(page.locator("#overlay-none")).to_be_hidden()
    if name == "running":
        expect(page.locator("#front-canvas")).to_have_attribute("role", "slider")
    width = page.viewport_size["width"] if page.viewport_size else 1280
    for height in (3 * TALLEST, 700):  # first everything comes into view, then the picture is as tall as the page
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_timeout(3000 if height > 700 else 500)


def _pictures(page: Page, name: str) -> list[bytes]:
    """The page in pieces, each small enough; of a long page the first two."""
    whole = Image.open(io.BytesIO(page.screenshot(full_page=True))).convert("RGB")
    pieces = 2 if name == "search" else 1
    cuts = [(0, y, whole.width, min(y + TALLEST, whole.height)) for y in range(0, whole.height, TALLEST)][:pieces]
    return [_small(whole.crop(cut)) for cut in cuts]


def _small(picture: Image.Image) -> bytes:
    for colours in (256, 128, 64, 32):
        file = io.BytesIO()
        picture.quantize(colours, Image.Quantize.MAXCOVERAGE, kmeans=3, dither=Image.Dither.NONE).save(
            file, "PNG", optimize=True
        )
        if file.tell() <= LARGEST:
            break
    return file.getvalue()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER))
