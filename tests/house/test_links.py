"""Relative links in the prose lead to files of this repository, and to headings of its pages."""

import re
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]

CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(<?([^)\s>]+)|^\[[^\]]+\]:\s*(\S+)", re.MULTILINE)
ABSOLUTE = re.compile(r"[a-z][a-z0-9+.-]*:|#", re.IGNORECASE)


def relative_links(text: str) -> list[str]:
    targets = (inline or reference for inline, reference in LINK.findall(CODE.sub("", text)))
    return [unquote(target.split("#")[0]) for target in targets if not ABSOLUTE.match(target)]


def test_only_relative_links_are_found():
    text = "[a](docs/a.md#x) [b](https://b) [c](#c) `[d](d.md)` ![e](<e%20f.png>)\n"
    text += "[g]: g.md\n```\n[h](h.md)\n```\n"
    assert relative_links(text) == ["docs/a.md", "e f.png", "g.md"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files(page):
    missing = [link for link in relative_links(page.read_text()) if not (page.parent / link).exists()]
    assert not missing


FENCED = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def headings(text: str) -> set[str]:
    """What a link can name behind `#`, as GitHub makes it of the headings."""
    found = HEADING.findall(FENCED.sub("", text))
    return {re.sub(r"[^\w\- ]", "", each.strip().lower()).replace(" ", "-") for each in found}


def test_headings_as_they_are_named():
    assert headings("# A b\n```\n# no\n```\n## Who may: `x`, y?\n") == {"a-b", "who-may-x-y"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_to_headings_lead_to_one(page):
    targets = re.findall(r"\]\(([^):\s]*\.md|)#([^)\s]+)\)", CODE.sub("", page.read_text()))
    missing = [
        f"{file}#{name}"
        for file, name in targets
        if name not in headings((page.parent / file if file else page).read_text())
    ]
    assert not missing
