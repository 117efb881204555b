"""Which codes of an authenticator app count; the values of RFC 6238 with those of the app's own clock."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pyotp
import pytest

from service.users.names import UserId
from service.users.totp import address_of, matching_step, picture_of
from tests.watchlists.makers import NOW

SECRET = base64.b32encode(b"12345678901234567890").decode()


@pytest.mark.parametrize(
    ("seconds", "code"), [(59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (20000000000, "353130")]
)
def test_the_codes_are_those_of_the_standard(seconds: int, code: str) -> None:
    assert matching_step(SECRET, code, datetime.fromtimestamp(seconds, UTC)) == seconds // 30


@pytest.mark.parametrize(("steps", "counts"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_clocks_may_differ_by_one_step(steps: int, counts: bool) -> None:
    shown = pyotp.TOTP(SECRET).at(NOW + timedelta(seconds=30 * steps))
    assert (matching_step(SECRET, shown, NOW) is not None) == counts


def test_blanks_do_not_matter() -> None:
    shown = pyotp.TOTP(SECRET).at(NOW)
    assert matching_step(SECRET, f" {shown[:3]} {shown[3:]} ", NOW) is not None


@pytest.mark.parametrize("code", ["", "000", "abcdef", "１２３４５６", "1234567", "\x00" * 6])
def test_what_is_no_code_does_not_count(code: str) -> None:
    assert matching_step(SECRET, code, NOW) is None


def test_an_app_reads_whose_secret_it_is() -> None:
    address = address_of(SECRET, UserId("xa", "ada"))
    assert address == f"otpauth://totp/Crosscheck:xa/ada?secret={SECRET}&issuer=Crosscheck"


def test_the_picture_needs_no_style_and_no_other_host() -> None:
    drawn = picture_of(address_of(SECRET, UserId("xa", "ada")))
    assert drawn.startswith("<svg ")
    assert "style" not in drawn
    assert "://" not in drawn
