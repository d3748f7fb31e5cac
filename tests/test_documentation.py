"""The pages hold together: every page is in the index, every link leads somewhere, every make target exists."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
LINK = re.compile(r"\]\(([^)#\s]*)(?:#[^)]*)?\)")
MAKE = re.compile(r"(?:\$ |`)make ([a-z]+(?: [a-z]+)*)")


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text()
    pages = [page.name for page in (ROOT / "docs").glob("*.md") if page.name != "README.md"]
    assert len(pages) >= 5
    assert [name for name in pages if f"]({name})" not in index] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    links = [link for link in LINK.findall(page.read_text()) if link and ":" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_documented_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    documented = {word for page in PAGES for words in MAKE.findall(page.read_text()) for word in words.split()}
    assert {"setup", "demo", "test"} <= documented
    assert documented - targets == set()
