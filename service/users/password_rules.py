"""Which passwords are taken. Pure.

NIST SP 800-63B-4 (3.1.1.2): length counts, composition does not. No kinds of characters are asked for, nothing expires,
every character may be used and counts, and what everybody tries first is refused. Of what that is, the part is reckoned
here that follows a pattern; guessing is limited by `back_off.py`, and a password alone lets nobody in.

1. At least 12 characters, at most 256, after normalisation (NFKC).
2. Not the name of the user, its partner or the product with little beside it; likewise words that are tried first.
3. Not the same few characters over and over, no piece repeated, no rows of the alphabet or the keyboard.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise
from typing import Final

from service.users.errors import PasswordUnfit, Unfit
from service.users.names import UserId

SHORTEST: Final = 12
LONGEST: Final = 256
_FEWEST_DIFFERENT: Final = 6
_LEAST_OF_ITS_OWN: Final = 6
"""Characters that must be left when names, first guesses, digits and signs are taken away."""
_FIRST_GUESSES: Final = (
    "crosscheck", "password", "passwort", "passw", "kennwort", "motdepasse", "welcome", "willkommen", "letmein",
    "changeme", "default", "secret", "geheim", "admin", "supervisor", "reviewer", "auditor", "login", "border",
    "police", "winter", "spring", "summer", "autumn",
)  # fmt: skip
_ROWS: Final = (
    "abcdefghijklmnopqrstuvwxyz",
    "0123456789",
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "qwertzuiop",
    "yxcvbnm",
)
_STEPS: Final = frozenset(pair for row in _ROWS for way in (row, row[::-1]) for pair in pairwise(way))
_LOOKALIKES: Final = str.maketrans("013457@$!", "oieastasi")


def normalised(unverified_password: str) -> str:
    """Return a password as it is compared: the same on every keyboard that can write it."""
    return unicodedata.normalize("NFKC", unverified_password)


def require_fit(unverified_password: str, user: UserId) -> str:
    """Return the password, normalised, if `user` may have it.

    Raises:
        PasswordUnfit: it may not; its text says why, and repeats nothing of it.
    """
    password = normalised(unverified_password)
    if len(password) < SHORTEST:
        raise PasswordUnfit(Unfit.SHORT)
    if len(password) > LONGEST:
        raise PasswordUnfit(Unfit.LONG)
    plain = password.casefold()
    if len(set(plain)) < _FEWEST_DIFFERENT or _is_repeated(plain):
        raise PasswordUnfit(Unfit.REPEATED)
    if sum(pair in _STEPS for pair in pairwise(plain)) > len(plain) // 2:
        raise PasswordUnfit(Unfit.IN_ROWS)
    if len(_own_part(plain, user)) < _LEAST_OF_ITS_OWN:
        raise PasswordUnfit(Unfit.GUESSED)
    return password


def _is_repeated(plain: str) -> bool:
    """Whether it is one piece several times over: then it is found inside two of itself, but for both ends."""
    return plain in (plain + plain)[1:-1]


def _own_part(plain: str, user: UserId) -> str:
    """Return the letters that are left without what anybody would guess; all of it if nothing of that is in it."""
    names = [part for part in (*re.split(r"[._-]", user.name), user.name, user.partner) if len(part) > 1]
    guesses = sorted({_letters(word) for word in (*names, *_FIRST_GUESSES)} - {""}, key=len, reverse=True)
    left = [plain]
    for whole in {_letters(text) for text in (plain, plain.translate(_LOOKALIKES))}:
        rest = whole
        for word in guesses:
            rest = rest.replace(word, "")
        if rest != whole:
            left.append(rest)
    return min(left, key=len)


def _letters(text: str) -> str:
    return "".join(character for character in text if character.isalpha())
