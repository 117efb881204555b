"""What a rule asks of those who receive the data: the closed list of words that `@obligations("...")` may hold.

Cedar itself knows no obligations; it answers yes or no. A rule therefore carries them as an annotation, and a word that
is not listed here refuses the whole agreement: an obligation that nobody reads would be a promise that nobody keeps.
"""

from __future__ import annotations

from enum import StrEnum


class Obligation(StrEnum):
    """A handling code that travels with everything that the rule discloses.

    TLP: FIRST, Traffic Light Protocol 2.0. H0 to H3: the handling codes of Europol information exchange (SIENA).
    """

    TLP_CLEAR = "tlp-clear"
    TLP_GREEN = "tlp-green"
    TLP_AMBER = "tlp-amber"
    TLP_AMBER_STRICT = "tlp-amber-strict"
    TLP_RED = "tlp-red"
    EUROPOL_H0 = "europol-h0"
    EUROPOL_H1 = "europol-h1"
    EUROPOL_H2 = "europol-h2"
    EUROPOL_H3 = "europol-h3"
    NO_ONWARD_TRANSFER = "no-onward-transfer"


def parse_obligations(text: str) -> tuple[Obligation, ...]:
    """Read the value of an `@obligations` annotation: words separated by commas, at least one, none twice.

    Raises:
        ValueError: a word is unknown, empty or repeated; the message names it.
    """
    words = [word.strip() for word in text.split(",")]
    for word in words:
        if word not in Obligation.__members__.values():
            raise ValueError(f"unknown obligation {word!r}; the known ones are {', '.join(Obligation)}")
    if len(set(words)) != len(words):
        raise ValueError("the same obligation is named twice")
    return tuple(Obligation(word) for word in words)
