"""Handling codes as people know them: their name, their colours, and what they ask.

Names and colours of the Traffic Light Protocol are those of FIRST, TLP 2.0: the text in its colour on black. Europol's
codes have no colours of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from service.pages.translation import marked


@dataclass(frozen=True, slots=True)
class Code:
    """A handling code. Args: name: as written. style: class of its colours. meaning: source text; "" if unknown."""

    name: str
    style: str
    meaning: str


_KNOWN: Final[Mapping[str, Code]] = MappingProxyType(
    {
        "tlp-red": Code("TLP:RED", "tlp-red", marked("For those who work on this case, and for nobody else.")),
        "tlp-amber-strict": Code(
            "TLP:AMBER+STRICT", "tlp-amber", marked("For those in your own authority who need to know it.")
        ),
        "tlp-amber": Code(
            "TLP:AMBER", "tlp-amber", marked("For those in your authority, and whom it serves, who need to know it.")
        ),
        "tlp-green": Code("TLP:GREEN", "tlp-green", marked("For authorities that work together; not for the public.")),
        "tlp-clear": Code("TLP:CLEAR", "tlp-clear", marked("May be passed on.")),
        "europol-h0": Code("Europol H0", "europol", marked("No limits beyond those of the agreement.")),
        "europol-h1": Code(
            "Europol H1", "europol", marked("Not as evidence in court without the permission of the owner.")
        ),
        "europol-h2": Code("Europol H2", "europol", marked("Not passed on without the permission of the owner.")),
        "europol-h3": Code("Europol H3", "europol", marked("Other limits: the owner has said which.")),
        "no-onward-transfer": Code(marked("No onward transfer"), "europol", marked("Not passed on to anybody.")),
        "onward-transfer-by-consent": Code(
            marked("Onward transfer by consent"), "europol", marked("Passed on with the consent of the owner alone.")
        ),
    }
)


def code_of(word: str) -> Code:
    """Return the code that rules and entries write as `word`; one that is not known is shown as it is."""
    return _KNOWN.get(word, Code(word, "europol", ""))
