"""The age bands of subjects: what happens on the birthday, and before and after it."""

from datetime import date

import pytest

from watchlists.ages import age_on
from watchlists.records import Age


@pytest.mark.parametrize(
    ("born", "day", "age"),
    [
        (date(2010, 6, 15), date(2022, 6, 14), Age.UNDER_12),
        (date(2010, 6, 15), date(2022, 6, 15), Age.MINOR),
        (date(2010, 6, 15), date(2028, 6, 14), Age.MINOR),
        (date(2010, 6, 15), date(2028, 6, 15), Age.ADULT),
        (date(2010, 12, 31), date(2028, 12, 30), Age.MINOR),
        (date(2010, 1, 1), date(2027, 12, 31), Age.MINOR),
        (date(2010, 1, 1), date(2028, 1, 1), Age.ADULT),
        (date(1900, 1, 1), date(2028, 1, 1), Age.ADULT),
    ],
)
def test_the_band_changes_on_the_birthday(born: date, day: date, age: Age) -> None:
    assert age_on(born, day) is age


@pytest.mark.parametrize(
    ("day", "age"),
    [
        (date(2020, 2, 28), Age.UNDER_12),  # a leap year has the day itself
        (date(2020, 2, 29), Age.MINOR),
        (date(2026, 2, 28), Age.MINOR),  # another has it on 1 March
        (date(2026, 3, 1), Age.ADULT),
    ],
)
def test_who_was_born_on_29_february_has_the_birthday_then_or_on_1_march(day: date, age: Age) -> None:
    assert age_on(date(2008, 2, 29), day) is age


def test_without_a_date_of_birth_the_age_is_unknown() -> None:
    assert age_on(None, date(2026, 1, 1)) is Age.UNKNOWN


@pytest.mark.parametrize("born", [date(2026, 1, 1), date(2026, 1, 2), date(2400, 1, 1)])
def test_who_was_born_today_or_is_yet_to_be_born_is_under_12(born: date) -> None:
    assert age_on(born, date(2026, 1, 1)) is Age.UNDER_12
