"""Keys and seals: what opens, and what does not."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from tests.watchlists.makers import Node
from watchlists.database import writing
from watchlists.errors import RootKeyUnusable, SealBroken, UnknownPartner
from watchlists.keys import KeyRing
from watchlists.schema import owner_keys
from watchlists.sealing import EnvironmentRootKey, FileRootKey, binding, new_key, open_seal, seal

KEY = new_key()


@given(st.binary(max_size=200), st.binary(max_size=50))
def test_what_was_sealed_opens_and_is_not_the_plaintext(plaintext: bytes, bound: bytes) -> None:
    sealed = seal(KEY, plaintext, bound)

    assert open_seal(KEY, sealed, bound) == plaintext
    assert len(plaintext) < 8 or plaintext not in sealed
    assert seal(KEY, plaintext, bound) != sealed


@given(st.data())
def test_a_changed_byte_anywhere_breaks_the_seal(data: st.DataObject) -> None:
    sealed = bytearray(seal(KEY, b"templates of somebody", b"their entry"))
    place = data.draw(st.integers(0, len(sealed) - 1))
    sealed[place] ^= data.draw(st.integers(1, 255))

    with pytest.raises(SealBroken):
        open_seal(KEY, bytes(sealed), b"their entry")


@pytest.mark.parametrize("cut", range(0, 40, 3))
def test_a_truncated_value_breaks_the_seal(cut: int) -> None:
    with pytest.raises(SealBroken):
        open_seal(KEY, seal(KEY, b"0123456789a", b"")[:cut], b"")


@given(st.lists(st.text(max_size=8), max_size=4), st.lists(st.text(max_size=8), max_size=4))
def test_different_lists_of_strings_bind_differently(one: list[str], other: list[str]) -> None:
    assert (binding(*one) == binding(*other)) == (one == other)


def test_a_key_file_is_readable_by_its_user_alone_and_loads_again(tmp_path: Path) -> None:
    file = tmp_path / "root.key"
    wrapped = FileRootKey.create(file).wrap(KEY, b"x")

    assert file.stat().st_mode & 0o777 == 0o600
    assert FileRootKey.load(file).unwrap(wrapped, b"x") == KEY
    with pytest.raises(RootKeyUnusable, match="exists already"):
        FileRootKey.create(file)
    assert FileRootKey.load(file).unwrap(wrapped, b"x") == KEY


def test_a_key_that_cannot_be_used_says_what_to_do(tmp_path: Path) -> None:
    file = tmp_path / "root.key"
    with pytest.raises(RootKeyUnusable, match="there is no root key") as missing:
        FileRootKey.load(file)
    assert "crosscheck init" in missing.value.hint

    FileRootKey.create(file)
    file.chmod(0o640)
    with pytest.raises(RootKeyUnusable, match="other users") as exposed:
        FileRootKey.load(file)
    assert "chmod 600" in exposed.value.hint

    file.chmod(0o600)
    for content in ("c2hvcnQ=\n", "not base64 at all!", ""):
        file.write_text(content)
        with pytest.raises(RootKeyUnusable):
            FileRootKey.load(file)


def test_a_key_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "root.key"
    wrapped = FileRootKey.create(file).wrap(KEY, b"x")
    with pytest.raises(RootKeyUnusable, match="not set"):
        EnvironmentRootKey.load()

    monkeypatch.setitem(os.environ, EnvironmentRootKey.VARIABLE, file.read_text())
    assert EnvironmentRootKey.load().unwrap(wrapped, b"x") == KEY


def test_another_root_key_is_refused_at_start(node: Node, tmp_path: Path) -> None:
    other = FileRootKey.create(tmp_path / "other.key")

    with pytest.raises(RootKeyUnusable, match="not the one") as refused:
        KeyRing(node.engine, other).verify()
    assert "backup" in refused.value.hint
    KeyRing(node.engine, FileRootKey.load(tmp_path / "root.key")).verify()


def test_owner_keys_cannot_be_exchanged(node: Node, tmp_path: Path) -> None:
    sealed = node.store.keys.seal_for("xa", "answer", b"secret")
    with writing(node.engine) as connection:
        wrapped = connection.execute(select(owner_keys.c.wrapped_key).where(owner_keys.c.owner == "xa")).scalar_one()
        connection.execute(owner_keys.update().where(owner_keys.c.owner == "xb").values(wrapped_key=wrapped))

    assert node.store.keys.open_for("xa", "answer", sealed) == b"secret"
    fresh = KeyRing(node.engine, FileRootKey.load(tmp_path / "root.key"))
    for keys in (node.store.keys, fresh):
        with pytest.raises(SealBroken):
            keys.seal_for("xb", "answer", b"other secret")


def test_a_value_of_the_service_opens_for_its_owner_purpose_and_binding_alone(node: Node) -> None:
    keys = node.store.keys
    sealed = keys.seal_for("xa", "answer", b"secret", "check 1")

    assert keys.open_for("xa", "answer", sealed, "check 1") == b"secret"
    attempts = [("xb", "answer", "check 1"), ("xa", "probe", "check 1"), ("xa", "answer", "check 2")]
    for owner, purpose, part in attempts:
        with pytest.raises(SealBroken):
            keys.open_for(owner, purpose, sealed, part)
    with pytest.raises(UnknownPartner):
        keys.seal_for("xz", "answer", b"secret")


def test_digests_tell_equal_from_different_within_one_owner_and_purpose(node: Node) -> None:
    keys = node.store.keys
    digest = keys.digest_for("xa", "request", b"body")

    assert digest == keys.digest_for("xa", "request", b"body")
    others = [("xa", "request", b"Body"), ("xb", "request", b"body"), ("xa", "reques", b"tbody")]
    assert digest not in [keys.digest_for(owner, purpose, data) for owner, purpose, data in others]
