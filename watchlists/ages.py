"""How old a subject is, in the bands that rules speak of."""

from __future__ import annotations

from datetime import date

from watchlists.records import Age

UNDER_12_UNTIL = 12
"""Birthday up to which a child may be looked for in its own interest alone (Regulation (EU) 2019/817, Art. 20(1))."""
MINOR_UNTIL = 18
"""Birthday of majority (Convention on the Rights of the Child, Art. 1)."""


def age_on(birth_date: date | None, day: date) -> Age:
    """Return the band of somebody born on `birth_date` on that day; UNKNOWN without a date of birth.

    Who was born on 29 February has the birthday on 1 March of a year without that day; who is yet to be born
    is under 12.
    """
    if birth_date is None:
        return Age.UNKNOWN
    had_birthday = (day.month, day.day) >= (birth_date.month, birth_date.day)
    years = day.year - birth_date.year - (not had_birthday)
    if years < UNDER_12_UNTIL:
        return Age.UNDER_12
    return Age.MINOR if years < MINOR_UNTIL else Age.ADULT
