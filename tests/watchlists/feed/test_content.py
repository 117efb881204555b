"""The seal of an entry on its way: that it is RFC 9180, what it is tied to, and what does not open."""

from __future__ import annotations

import hmac
from dataclasses import replace

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from tests.watchlists.feed.simulator import FEED, WANTED, changed
from tests.watchlists.makers import NOW, SUBJECT, face, faces
from watchlists.feed.content import EntryCopy, open_copy, seal_copy
from watchlists.feed.errors import FeedContentUnreadable
from watchlists.feed.messages import FeedId
from watchlists.records import Conditions, Entry, FaceTemplate, Templates, VisibilityClass
from watchlists.sealing import binding

KEY = X25519PrivateKey.generate()
COPY = EntryCopy(Entry("A", WANTED, SUBJECT), faces(1), NOW)
_KEM, _SUITE = b"KEM\x00\x20", b"HPKE\x00\x20\x00\x01\x00\x03"


def _extract(suite: bytes, salt: bytes, label: bytes, key: bytes) -> bytes:
    return hmac.digest(salt, b"HPKE-v1" + suite + label + key, "sha256")


def _expand(suite: bytes, key: bytes, label: bytes, info: bytes, length: int) -> bytes:
    labelled = length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info
    return HKDFExpand(SHA256(), length, labelled).derive(key)


def open_by_the_rfc(sealed: bytes, private: X25519PrivateKey, info: bytes, aad: bytes = b"") -> bytes:
    """RFC 9180 step by step: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20Poly1305, base mode, first message."""
    enc, ciphertext = sealed[:32], sealed[32:]
    shared = private.exchange(X25519PublicKey.from_public_bytes(enc))
    extracted = _extract(_KEM, b"", b"eae_prk", shared)
    context = enc + private.public_key().public_bytes_raw()
    secret_shared = _expand(_KEM, extracted, b"shared_secret", context, 32)
    hashes = _extract(_SUITE, b"", b"psk_id_hash", b"") + _extract(_SUITE, b"", b"info_hash", info)
    secret = _extract(_SUITE, secret_shared, b"secret", b"")
    key = _expand(_SUITE, secret, b"key", b"\x00" + hashes, 32)
    nonce = _expand(_SUITE, secret, b"base_nonce", b"\x00" + hashes, 12)
    return ChaCha20Poly1305(key).decrypt(nonce, ciphertext, aad)


def test_the_steps_are_those_of_the_test_vector_of_the_rfc() -> None:
    """RFC 9180, A.2.1.1, sequence number 0."""
    private = bytes.fromhex("8057991eef8f1f1af18f4a9491d16a1ce333f695d4db8e38da75975c4478e0fb")
    enc = bytes.fromhex("1afa08d3dec047a643885163f1180476fa7ddb54c6a8029ea33f95796bf2ac4a")
    ciphertext = "1c5250d8034ec2b784ba2cfd69dbdb8af406cfe3ff938e131f0def8c8b60b4db21993c62ce81883d2dd1b51a28"
    key = X25519PrivateKey.from_private_bytes(private)

    opened = open_by_the_rfc(enc + bytes.fromhex(ciphertext), key, b"Ode on a Grecian Urn", b"Count-0")

    assert opened == b"Beauty is truth, truth beauty"


def test_what_is_sealed_opens_by_the_rfc_and_by_open_copy() -> None:
    sealed = seal_copy(COPY, FEED, 7, KEY.public_key())

    opened = open_by_the_rfc(sealed, KEY, binding("feed entry", "xb", "xb-alerts", "A", "7", "xa"))

    assert b"Quillfeather" in opened
    assert open_copy(sealed, FEED, "A", 7, KEY) == COPY
    assert seal_copy(COPY, FEED, 7, KEY.public_key()) != sealed


@pytest.mark.parametrize(
    ("feed", "entry", "sequence", "key"),
    [
        (changed(FEED, owner="xc"), "A", 7, KEY),
        (changed(FEED, watchlist="xb-others"), "A", 7, KEY),
        (changed(FEED, receiver="xc"), "A", 7, KEY),
        (FEED, "B", 7, KEY),
        (FEED, "A", 8, KEY),
        (FEED, "A", 7, X25519PrivateKey.generate()),
    ],
    ids=["owner", "watchlist", "receiver", "entry", "sequence", "key"],
)
def test_a_copy_opens_nowhere_but_where_it_was_sealed_for(
    feed: FeedId, entry: str, sequence: int, key: X25519PrivateKey
) -> None:
    sealed = seal_copy(COPY, FEED, 7, KEY.public_key())

    with pytest.raises(FeedContentUnreadable):
        open_copy(sealed, feed, entry, sequence, key)


@pytest.mark.parametrize("cut", [0, 16, 32, 48, -1])
def test_a_truncated_copy_does_not_open(cut: int) -> None:
    with pytest.raises(FeedContentUnreadable):
        open_copy(seal_copy(COPY, FEED, 7, KEY.public_key())[:cut], FEED, "A", 7, KEY)


@pytest.mark.parametrize("length", [0, 0.99, 1.01, 3e37, np.inf, np.nan])
def test_a_publisher_that_seals_a_face_that_no_encoder_gives_is_refused(length: float) -> None:
    vector = np.zeros(4, np.float32)
    vector[0] = length
    nonsense = FaceTemplate("made-up", vector)
    with pytest.raises(FeedContentUnreadable):
        _there_and_back(EntryCopy(COPY.entry, Templates((face(1), nonsense)), None))


def test_a_class_of_another_owner_becomes_one_of_the_feed() -> None:
    """The class names neither owner nor list on its way, so that it cannot name a foreign one."""
    foreign = VisibilityClass("xc", "xc-alerts", "wanted", "inform-officer", conditions=Conditions(gravity=12))

    opened = _there_and_back(EntryCopy(Entry("A", foreign, SUBJECT), faces(1), None))

    assert (opened.entry.klass.owner, opened.entry.klass.watchlist) == ("xb", "xb-alerts")
    assert opened.entry.klass.conditions == foreign.conditions


def _there_and_back(copy: EntryCopy) -> EntryCopy:
    return open_copy(seal_copy(copy, FEED, 1, KEY.public_key()), FEED, copy.entry.id, 1, KEY)


def test_who_wrote_an_entry_does_not_travel() -> None:
    copy = replace(COPY, entry=replace(COPY.entry, author="xb/m.ortega"))
    sealed = seal_copy(copy, FEED, 1, KEY.public_key())
    assert open_copy(sealed, FEED, "A", 1, KEY) == COPY
