"""Which passwords are taken."""

from __future__ import annotations

import pytest

from service.users.errors import PasswordUnfit, Unfit
from service.users.names import UserId
from service.users.password_rules import require_fit

USER = UserId("xa-police", "ada.lovelace")


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery staple",
        "kX9#vQ2!mZ7$pL",
        "4711 0815 2342 9",
        "Зима близко, и снег",
        "密码很长但是容易记住的句子真的",
        "twelve chars",
        "ada likes long walks by the sea",
        "x" * 8 + "yzwvutsr" + " and more" * 20,
    ],
)
def test_a_long_password_of_its_own_is_taken_whatever_it_is_made_of(password: str) -> None:
    assert require_fit(password, USER) == password


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("", Unfit.SHORT),
        ("eleven char", Unfit.SHORT),
        ("long " * 60, Unfit.LONG),
        ("aaaaaaaaaaaaaaaa", Unfit.REPEATED),
        ("abacabacabacabac", Unfit.REPEATED),
        ("river7river7river7", Unfit.REPEATED),
        ("abcdefghijklmnop", Unfit.IN_ROWS),
        ("qwertyuiopasdf", Unfit.IN_ROWS),
        ("210987654321xy", Unfit.IN_ROWS),
        ("password-2026!", Unfit.GUESSED),
        ("P@ssw0rd2026!!", Unfit.GUESSED),
        ("ada.lovelace.1815", Unfit.GUESSED),
        ("Lovelace-1815-Ada", Unfit.GUESSED),
        ("Crosscheck!Welcome!26", Unfit.GUESSED),
        ("xa-police-2026-2027", Unfit.GUESSED),
    ],
)
def test_what_everybody_tries_first_is_not(password: str, why: Unfit) -> None:
    with pytest.raises(PasswordUnfit) as refused:
        require_fit(password, USER)
    assert refused.value.why is why


def test_a_refusal_repeats_nothing_of_the_password() -> None:
    with pytest.raises(PasswordUnfit) as refused:
        require_fit("hunter2hunter2", USER)
    assert "hunter" not in str(refused.value)
