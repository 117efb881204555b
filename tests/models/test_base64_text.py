"""Base64 is decoded as strictly as Python's own strict mode does, however long it is."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from models.base64_text import decode_base64, warm_up

LONG = base64.b64encode(bytes(range(256)) * 3).decode()


@pytest.fixture(scope="module", autouse=True)
def compiled() -> None:
    warm_up()


@given(st.binary(max_size=400))
@example(bytes(range(256)) * 50)
def test_what_was_encoded_is_decoded(data: bytes) -> None:
    assert decode_base64(base64.b64encode(data).decode()) == data


@given(st.integers(0, len(LONG) - 1), st.sampled_from(["", "=", "-", "_", " ", "\n", "\x00", "é", "A", "+/", "===="]))
def test_a_damaged_text_is_judged_as_python_judges_it(place: int, there: str) -> None:
    text = LONG[:place] + there + LONG[place + 1 :]
    assert result_of(decode_base64, text) == result_of(strictly, text)


@pytest.mark.parametrize("end", ["=", "==", "====", "A=", "AB=", "A===", "\n", "AA==", "AA==AAAA"])
@pytest.mark.parametrize("before", ["", LONG])
def test_the_end_is_judged_as_python_judges_it(before: str, end: str) -> None:
    assert result_of(decode_base64, before + end) == result_of(strictly, before + end)


def strictly(text: str) -> bytes:
    return binascii.a2b_base64(text, strict_mode=True)


def result_of(decode: Callable[[str], bytes], text: str) -> bytes | None:
    try:
        return decode(text)
    except ValueError:
        return None
