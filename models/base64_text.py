"""Decode base64 (RFC 4648, section 4) strictly and quickly: a portrait is half a megabyte of it."""

from __future__ import annotations

import binascii
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.fingerprint.compiler import kernel

_ALPHABET: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_WRONG: Final = 0x80
"""A bit that the value of no character has."""
_SHORT: Final = 64
"""Characters for which nothing is worth being prepared."""


def _values() -> NDArray[np.uint8]:
    values = np.full(256, _WRONG, np.uint8)
    values[np.frombuffer(_ALPHABET, np.uint8)] = np.arange(len(_ALPHABET))
    return values


_VALUES: Final = _values()


def warm_up() -> None:
    """Compile the kernel, or load it from its cache, so that no later call waits for a compiler."""
    decode_base64("A" * _SHORT)


def decode_base64(unverified_text: str) -> bytes:
    """Return what `binascii.a2b_base64` in its strict mode returns, six times as fast for long texts.

    Raises:
        ValueError: the text is no base64 with padding.
    """
    if len(unverified_text) < _SHORT or len(unverified_text) % 4 or not unverified_text.isascii():
        return binascii.a2b_base64(unverified_text, strict_mode=True)
    text = unverified_text.encode("ascii")
    whole, last = np.frombuffer(text, np.uint8)[:-8], text[-8:]  # only the end may have padding
    decoded = np.empty(len(whole) // 4 * 3, np.uint8)
    if _decode(whole, _VALUES, decoded) & _WRONG:
        return binascii.a2b_base64(text, strict_mode=True)  # which says what is wrong
    return decoded.tobytes() + binascii.a2b_base64(last, strict_mode=True)


@kernel
def _decode(text: NDArray[np.uint8], values: NDArray[np.uint8], decoded: NDArray[np.uint8]) -> np.uint8:
    """Write what the characters stand for to `decoded`, three bytes for four; return the bits of all their values."""
    bits = np.uint8(0)
    for number in range(len(text) // 4):
        first, second = values[text[4 * number]], values[text[4 * number + 1]]
        third, fourth = values[text[4 * number + 2]], values[text[4 * number + 3]]
        bits |= first | second | third | fourth
        decoded[3 * number] = (first << 2) | (second >> 4)
        decoded[3 * number + 1] = (second << 4) | (third >> 2)
        decoded[3 * number + 2] = (third << 6) | fourth
    return bits
