"""Keys and seals: what opens, and what does not."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
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


def test_a_key_from_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "root.key"
    wrapped = FileRootKey.create(file).wrap(KEY, b"x")

    assert EnvironmentRootKey.read(file.read_text()).unwrap(wrapped, b"x") == KEY
    for wrong in ("c2hvcnQ=", "not base64 at all!"):
        with pytest.raises(RootKeyUnusable) as refused:
            EnvironmentRootKey.read(wrong)
        assert wrong not in refused.value.detail + refused.value.hint


def test_another_root_key_is_refused_at_start(node: Node, tmp_path: Path) -> None:
    other = FileRootKey.create(tmp_path / "other.key")

    with pytest.raises(RootKeyUnusable, match="not the one") as refused:
        KeyRing(node.engine, other).verify()
    assert "backup" in refused.value.hint
    KeyRing(node.engine, FileRootKey.load(tmp_path / "root.key")).verify()


def sealed_for(node: Node, owner: str, *parts: str) -> bytes:
    with writing(node.engine) as connection:
        return node.store.keys.seal_for(owner, "answer", b"secret", *parts, connection=connection)


def opened(node: Node, owner: str, sealed: bytes, *parts: str, purpose: str = "answer") -> bytes:
    with node.engine.connect() as connection:
        return node.store.keys.open_for(owner, purpose, sealed, *parts, connection=connection)


def test_owner_keys_cannot_be_exchanged(node: Node) -> None:
    sealed = sealed_for(node, "xa")
    with writing(node.engine) as connection:
        wrapped = connection.execute(select(owner_keys.c.wrapped_key).where(owner_keys.c.owner == "xa")).scalar_one()
        connection.execute(owner_keys.update().where(owner_keys.c.owner == "xb").values(wrapped_key=wrapped))

    assert opened(node, "xa", sealed) == b"secret"
    fresh = KeyRing(node.engine, FileRootKey.load(node.folder / "root.key"))
    for keys in (node.store.keys, fresh):
        with pytest.raises(SealBroken), writing(node.engine) as connection:
            keys.seal_for("xb", "answer", b"other secret", connection=connection)


def test_a_value_of_the_service_opens_for_its_owner_purpose_and_binding_alone(node: Node) -> None:
    sealed = sealed_for(node, "xa", "check 1")

    assert opened(node, "xa", sealed, "check 1") == b"secret"
    attempts = [("xb", "answer", "check 1"), ("xa", "probe", "check 1"), ("xa", "answer", "check 2")]
    for owner, purpose, part in attempts:
        with pytest.raises(SealBroken):
            opened(node, owner, sealed, part, purpose=purpose)
    with pytest.raises(UnknownPartner):
        sealed_for(node, "xz")


def test_a_value_from_before_values_had_data_keys_opens(node: Node) -> None:
    with node.engine.connect() as connection:
        row = connection.execute(select(owner_keys).where(owner_keys.c.owner == "xa")).one()
    owner_key = FileRootKey.load(node.folder / "root.key").unwrap(row.wrapped_key, binding("owner key", "xa", "1"))
    derived = HKDFExpand(hashes.SHA256(), 32, b"crosscheck seal values").derive(owner_key)
    sealed = seal(derived, b"secret", binding("value", "xa", "answer", "check 1"))

    assert opened(node, "xa", b"\1\0\0\0" + sealed, "check 1") == b"secret"


def test_digests_tell_equal_from_different_within_one_owner_and_purpose(node: Node) -> None:
    keys = node.store.keys
    digest = keys.digest_for("xa", "request", b"body")

    assert digest == keys.digest_for("xa", "request", b"body")
    others = [("xa", "request", b"Body"), ("xb", "request", b"body"), ("xa", "reques", b"tbody")]
    assert digest not in [keys.digest_for(owner, purpose, data) for owner, purpose, data in others]
