"""Samples come as base64 with padding (RFC 4648, section 4) and nothing else, however long they are."""

from __future__ import annotations

import base64
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from service.api.messages import FaceImage

LONG = base64.b64encode(bytes(range(256)) * 3).decode()
GRAMMAR = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")


@given(st.binary(min_size=1, max_size=400))
@example(bytes(range(256)) * 50)
def test_what_was_encoded_is_decoded(data: bytes) -> None:
    assert decoded(base64.b64encode(data).decode()) == data


@given(st.integers(0, len(LONG) - 1), st.sampled_from(["", "=", "-", "_", " ", "\n", "\x00", "é", "A", "+/", "===="]))
def test_a_damaged_text_is_refused_unless_it_is_base64_again(place: int, there: str) -> None:
    text = LONG[:place] + there + LONG[place + 1 :]
    assert decoded(text) == expected(text)


@pytest.mark.parametrize("end", ["=", "==", "====", "A=", "AB=", "ABC=", "AB==", "A===", "\n", "AA==", "AA==AAAA"])
@pytest.mark.parametrize("before", ["", LONG])
def test_padding_stands_at_the_end_and_fills_up_the_last_four(before: str, end: str) -> None:
    assert decoded(before + end) == expected(before + end)


def decoded(text: str) -> bytes | None:
    try:
        return FaceImage.model_validate({"image": text}).image
    except ValidationError:
        return None


def expected(text: str) -> bytes | None:
    return base64.b64decode(text) if GRAMMAR.fullmatch(text) else None
