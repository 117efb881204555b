"""Texts of pages in the language of the reader.

English texts in templates (`{% trans %}`, `_("...")`) and in code (`marked("...")`) are the source; `make texts`
collects them into locale/crosscheck.pot. A translation is a file of that form beside it, such as de.po, and is offered
to browsers that ask for its language. What it leaves out stays English.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from gettext import GNUTranslations, NullTranslations
from importlib.resources import files
from pathlib import Path
from typing import Final

from babel import Locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

SOURCE: Final = "en"
_MOST_ASKED = 20  # languages of one Accept-Language header that are looked at


@dataclass(frozen=True, slots=True)
class Language:
    """One language that pages can be read in; its locale also writes numbers and lists."""

    locale: Locale
    texts: NullTranslations

    @property
    def tag(self) -> str:
        """As the `lang` attribute of HTML has it (BCP 47)."""
        return str(self.locale).replace("_", "-")

    @property
    def direction(self) -> str:
        """Return "ltr" or "rtl"."""
        return self.locale.text_direction


def marked(message: str) -> str:
    """Return `message` as it is: it is translated when it is shown, and `make texts` finds it here."""
    return message


def load_languages(folder: Path | None = None) -> Mapping[str, Language]:
    """Read the translations of a folder, by default our own, and add the source language."""
    place = folder or Path(str(files("service").joinpath("locale")))
    found = {SOURCE: Language(Locale(SOURCE), NullTranslations())}
    for file in sorted(place.glob("*.po")):
        language = Language(Locale.parse(file.stem.replace("-", "_")), _texts(file))
        found[language.tag.lower()] = language
    return found


def choose(languages: Mapping[str, Language], unverified_accept_language: str | None) -> Language:
    """Return the language that a browser likes best of those there are (RFC 9110, 12.5.4), else the source."""
    for wanted in _by_preference(unverified_accept_language or ""):
        for tag in (wanted, wanted.partition("-")[0]):
            if tag in languages:
                return languages[tag]
    return languages[SOURCE]


def _by_preference(unverified_header: str) -> list[str]:
    asked: list[tuple[float, str]] = []
    for part in unverified_header.lower().split(",")[:_MOST_ASKED]:
        tag, _, weight = part.partition(";")
        try:
            quality = float(weight.strip().removeprefix("q=") or 1)
        except ValueError:
            continue
        if quality > 0:
            asked.append((-quality, tag.strip()))
    return [tag for _, tag in sorted(asked, key=lambda each: each[0])]


def _texts(file: Path) -> GNUTranslations:
    with file.open("rb") as source:
        catalogue = read_po(source)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return GNUTranslations(compiled)
