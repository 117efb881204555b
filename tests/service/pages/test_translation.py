"""Every text of a page can be translated, and is shown in the language that the browser asks for."""

from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

import service.app
from service.pages.translation import Language, choose, load_languages
from tests.service.pages.pages import client_of_pages

ROOT = Path(service.app.__file__).parents[1]
TEMPLATES = sorted((ROOT / "service" / "templates").rglob("*.html"))
CATALOGUE = ROOT / "service" / "locale" / "crosscheck.pot"
SPOKEN = ("alt", "aria-label", "title", "placeholder", "content")
PLAIN = {"Crosscheck", "– Crosscheck", "narrow", "width=device-width, initial-scale=1", "light dark", "noindex"}
"""Names, and what is for the browser."""


@pytest.fixture(scope="module")
def languages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Language]:
    """English, and a language in which every text stands in brackets, made from the catalogue as translators do."""
    folder = tmp_path_factory.mktemp("locale")
    header = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n'
    header += '"Plural-Forms: nplurals=2; plural=(n != 1);\\n"\n\n'
    filled = re.sub(r'^msgid "(.+)"\nmsgstr ""$', r'msgid "\1"\nmsgstr "⟦\1⟧"', CATALOGUE.read_text(), flags=re.M)
    (folder / "de.po").write_text(header + filled, "utf-8")
    return dict(load_languages(folder))


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        (None, "en"),
        ("de", "de"),
        ("de-AT, en;q=0.8", "de"),
        ("fr, de;q=0.5, en;q=0.9", "en"),
        ("en;q=0, de", "de"),
        ("de;q=0", "en"),
        ("de;q=much, ,;;", "en"),
        ("DE", "de"),
    ],
)
def test_a_browser_is_answered_in_the_language_it_likes_best(
    languages: dict[str, Language], asked: str | None, given: str
) -> None:
    assert choose(languages, asked).tag == given


def test_a_page_is_in_the_language_asked_for(languages: dict[str, Language]) -> None:
    client = client_of_pages(languages)
    page = client.get("/nowhere", headers={"Accept": "text/html", "Accept-Language": "de"}).text
    assert '<html lang="de" dir="ltr">' in page
    assert "<h1>⟦There is nothing here⟧</h1>" in page
    assert "⟦Skip to the content⟧" in page


def test_the_catalogue_holds_every_text(tmp_path: Path) -> None:
    """`make texts` brings it up to date."""
    target = (ROOT / "Makefile").read_text().partition("\ntexts:")[2].partition("\n\n")[0]
    options = re.findall(r"(?<= )(?:-k \S+|-F \S+|--\S+(?: never)?)", target.partition("extract")[2])
    arguments = [part for option in options for part in option.split()]
    fresh = tmp_path / "fresh.pot"
    command = [str(Path(sys.executable).parent / "pybabel"), "-q", "extract", *arguments, "-o", str(fresh), "service"]
    subprocess.run(command, cwd=ROOT, check=True)
    assert fresh.read_text() == CATALOGUE.read_text(), "run `make texts`"


class _Texts(HTMLParser):
    """Collects what a reader sees or hears of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_data(self, data: str) -> None:
        # A macro that writes attributes of a tag has them outside of any tag.
        self.found.append(re.sub(r'\b(?!alt|title)[a-z-]+="[^"]*"', "", data))

    def handle_starttag(self, _tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if name in SPOKEN]


def unmarked(template: str) -> set[str]:
    """Words that stand in a template outside of everything that is translated."""
    text = re.sub(r"\{#.*?#\}", "", template, flags=re.S)
    text = re.sub(r"\{%-?\s*trans\b.*?endtrans\s*-?%\}", "", text, flags=re.S)
    text = re.sub(r"\{%.*?%\}|\{\{.*?\}\}", "", text, flags=re.S)
    parser = _Texts()
    parser.feed(text)
    parser.close()
    found = {" ".join(part.split()) for part in parser.found}
    return {part for part in found if re.search(r"[^\W\d_]{2}", part)} - PLAIN


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_every_text_of_a_template_is_marked(template: Path) -> None:
    assert unmarked(template.read_text()) == set()


def test_a_text_that_is_not_marked_is_noticed() -> None:
    assert unmarked('<p>{% if a %}Forgotten{% endif %} {{ _("done") }}</p>') == {"Forgotten"}
    assert unmarked('<img alt="Forgotten"><p>{% trans %}Done{% endtrans %}</p>') == {"Forgotten"}
