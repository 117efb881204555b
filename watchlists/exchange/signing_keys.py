"""The keys that a node signs its owners' feeds with, and the roots that say which these are.

The keys of timestamps and pages are on the node, for it signs by itself. Those of the root need not be: where several
people hold one each, on machines of their own, a thief of the node cannot appoint other keys. A new root is a draft
first, which goes from holder to holder until enough have signed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, Engine, delete, func, select

from watchlists.database import wipe_deleted, writing
from watchlists.exchange.errors import FeedKeyInvalid, FeedKeysMissing, FeedRootUnusable
from watchlists.feed.checks import require_signed, require_successor
from watchlists.feed.errors import FeedRefused
from watchlists.feed.messages import ROOT_CAP, RoleKeys, Roles, Root, RootMessage, read
from watchlists.feed.publish import sign_message
from watchlists.feed.signing import LocalSigner, Signer, canonical, key_id
from watchlists.feed_schema import feed_roots, feed_signing_keys
from watchlists.keys import KeyRing

LIFE: Final = timedelta(days=366)
"""How long a root is good; it has to be rotated before."""
_PURPOSE: Final = "feed signing key"


@dataclass(frozen=True, slots=True)
class Holders:
    """Those who hold the keys of the root, by public key, and how many of them must sign."""

    keys: tuple[str, ...]
    threshold: int


@dataclass(frozen=True, slots=True)
class _Keys:
    """Keys of this node for one root."""

    root: Root
    new: tuple[tuple[str, Ed25519PrivateKey], ...] = field(repr=False)


class SigningKeys:
    """The signing keys of the owners on this node, sealed for each, and their roots by version."""

    def __init__(self, engine: Engine, keys: KeyRing) -> None:
        self._engine = engine
        self._keys = keys

    def root(self, owner: str, version: int | None = None, connection: Connection | None = None) -> bytes | None:
        """Return a root of an owner as it is sent: of one version, or the newest; None if there is none."""
        query = select(feed_roots.c.message).where(feed_roots.c.owner == owner)
        if version is None:
            query = query.order_by(feed_roots.c.version.desc()).limit(1)
        else:
            query = query.where(feed_roots.c.version == version)
        if connection is not None:
            return connection.execute(query).scalar_one_or_none()
        with self._engine.connect() as reading:
            return reading.execute(query).scalar_one_or_none()

    def current(self, connection: Connection, owner: str) -> Root:
        """Return the newest root of an owner.

        Raises:
            FeedKeysMissing: there is none.
        """
        message = self.root(owner, connection=connection)
        if message is None:
            raise FeedKeysMissing(f"{owner} has no root keys on this node")
        return read(message, RootMessage, ROOT_CAP).signed

    def owners(self) -> Sequence[str]:
        """Return who publishes from this node."""
        with self._engine.connect() as connection:
            return (
                connection.execute(select(feed_roots.c.owner).distinct().order_by(feed_roots.c.owner)).scalars().all()
            )

    def expiries(self) -> dict[str, datetime]:
        """Return until when the newest root of each owner is good."""
        newest = select(feed_roots.c.owner, func.max(feed_roots.c.version).label("version"))
        last = newest.group_by(feed_roots.c.owner).subquery()
        joined = (feed_roots.c.owner == last.c.owner) & (feed_roots.c.version == last.c.version)
        query = select(feed_roots.c.owner, feed_roots.c.expires_at).join(last, joined)
        with self._engine.connect() as connection:
            return {row.owner: row.expires_at for row in connection.execute(query)}

    def signers(self, connection: Connection, owner: str, role: RoleKeys) -> list[Signer]:
        """Return those keys of a role that are on this node."""
        query = select(feed_signing_keys).where(
            feed_signing_keys.c.owner == owner, feed_signing_keys.c.keyid.in_(role.keyids)
        )
        return [self._opened(connection, row) for row in connection.execute(query).mappings()]

    def draft(self, owner: str, holders: Holders | None, now: datetime) -> bytes:
        """Make new keys for timestamps and pages, and the next root that names them; signed as far as this node can.

        Args:
            owner: whose.
            holders: of the keys of the root from now on; None to leave them with those who have them. Where the node
                has them itself, or nobody yet, it makes a new one.
            now: the moment; aware.

        Raises:
            FeedKeyInvalid: a key is none, or fewer are named than have to sign.
            UnknownPartner: there is no such owner.
        """
        with writing(self._engine) as connection:
            message = self.root(owner, connection=connection)
            old = None if message is None else read(message, RootMessage, ROOT_CAP).signed
            keys = self._next(connection, owner, old, holders, now)
            for role, key in keys.new:
                self._store(connection, owner, role, key, now)
            roots = [root for root in (old, keys.root) if root is not None]
            signers = [one for root in roots for one in self.signers(connection, owner, root.roles.root)]
            return sign_message(keys.root, signers)

    def publish(self, draft: bytes, note: Callable[[Connection, Root], None] = lambda _connection, _root: None) -> Root:
        """Bring a draft into force that enough have signed; keys that it does not name are destroyed.

        `note` is told in the transaction, to put it on record.

        Raises:
            FeedRootUnusable: too few have signed, a signature is wrong, or another root came first.
        """
        with writing(self._engine) as connection:
            message = _read(draft)
            new = message.signed
            self._require_signed(connection, message)
            self._require_keys(connection, new)
            values = {"owner": new.owner, "version": new.version, "message": draft, "expires_at": new.expires}
            connection.execute(feed_roots.insert().values(values))
            gone = feed_signing_keys.c.owner == new.owner, feed_signing_keys.c.keyid.not_in(sorted(new.keys))
            connection.execute(delete(feed_signing_keys).where(*gone))
            note(connection, new)
        wipe_deleted(self._engine, feed_signing_keys)
        return new

    def is_ready(self, draft: bytes) -> bool:
        """Whether enough have signed a draft for it to be published."""
        message = _read(draft)
        with self._engine.connect() as connection:
            try:
                self._require_signed(connection, message)
            except FeedRootUnusable:
                return False
        return True

    def _require_signed(self, connection: Connection, message: RootMessage) -> None:
        new = message.signed
        before = self.root(new.owner, connection=connection)
        if before is None and new.version != 1:
            raise FeedRootUnusable(f"the first root of {new.owner} is not version 1")
        try:
            if before is None:
                require_signed(new, message.by_key(), new, new.roles.root)
            else:
                require_successor(new, message.by_key(), read(before, RootMessage, ROOT_CAP).signed)
        except FeedRefused as error:
            raise FeedRootUnusable(f"root {new.version} of {new.owner} cannot be used: {error.detail}") from None

    def _next(
        self, connection: Connection, owner: str, old: Root | None, holders: Holders | None, now: datetime
    ) -> _Keys:
        new = [(role, Ed25519PrivateKey.generate()) for role in ("timestamp", "page")]
        public = {role: LocalSigner(key).public for role, key in new}
        names = {key_id(text): text for text in public.values()}
        if holders is not None:
            root_keys, threshold = {_key_id(text): text for text in holders.keys}, holders.threshold
            if not 1 <= threshold <= len(root_keys):
                raise FeedKeyInvalid(f"{threshold} of {len(root_keys)} holders cannot sign")
        elif old is not None and not self.signers(connection, owner, old.roles.root):
            root_keys = {keyid: old.keys[keyid] for keyid in old.roles.root.keyids}
            threshold = old.roles.root.threshold
        else:
            new.append(("root", Ed25519PrivateKey.generate()))
            text = LocalSigner(new[-1][1]).public
            root_keys, threshold = {key_id(text): text}, 1
        root = Root(
            owner=owner,
            version=1 if old is None else old.version + 1,
            expires=now + LIFE,
            keys=names | root_keys,
            roles=Roles(
                root=RoleKeys(keyids=tuple(sorted(root_keys)), threshold=threshold),
                timestamp=RoleKeys(keyids=(key_id(public["timestamp"]),), threshold=1),
                page=RoleKeys(keyids=(key_id(public["page"]),), threshold=1),
            ),
        )
        return _Keys(root, tuple(new))

    def _store(self, connection: Connection, owner: str, role: str, key: Ed25519PrivateKey, now: datetime) -> None:
        keyid = key_id(LocalSigner(key).public)
        sealed = self._keys.seal_for(owner, _PURPOSE, key.private_bytes_raw(), keyid, connection=connection)
        values = {"owner": owner, "keyid": keyid, "role": role, "sealed_key": sealed, "made_at": now}
        connection.execute(feed_signing_keys.insert().values(values))

    def _opened(self, connection: Connection, row: Any) -> Signer:
        owner, keyid = row["owner"], row["keyid"]
        raw = self._keys.open_for(owner, _PURPOSE, row["sealed_key"], keyid, connection=connection)
        return LocalSigner(Ed25519PrivateKey.from_private_bytes(raw))

    def _require_keys(self, connection: Connection, root: Root) -> None:
        for role in (root.roles.timestamp, root.roles.page):
            if len(self.signers(connection, root.owner, role)) < role.threshold:
                raise FeedRootUnusable("the draft names keys that this node does not have, or no longer has")


def sign_draft(draft: bytes, signer: Signer) -> bytes:
    """Return a draft with one signature more. For the holder of a root key, on a machine of his own.

    Raises:
        FeedRootUnusable: it is no draft.
        FeedKeyInvalid: that key has no say in it.
    """
    message = _read(draft)
    (mine,) = json.loads(sign_message(message.signed, [signer]))["signatures"]
    others = [one.plain() for one in message.signatures if one.keyid != mine["keyid"]]
    signatures = sorted([*others, mine], key=lambda one: str(one["keyid"]))
    return canonical({"signed": message.signed.plain(), "signatures": signatures})


def to_pin(message: bytes) -> bytes:
    """Return a root as it is pinned: with the signatures of its own keys alone, not those of the root before."""
    found = _read(message)
    own = [one.plain() for one in found.signatures if one.keyid in found.signed.roles.root.keyids]
    return canonical({"signed": found.signed.plain(), "signatures": own})


def fingerprint(root: Root) -> str:
    """Return what operators read to each other to compare a root: 32 bytes in hexadecimal, in groups of four digits."""
    digest = sha256(canonical(root.plain())).hexdigest()
    return " ".join(digest[start : start + 4] for start in range(0, len(digest), 4))


def _read(draft: bytes) -> RootMessage:
    try:
        return read(draft, RootMessage, ROOT_CAP)
    except FeedRefused as error:
        raise FeedRootUnusable(f"this is no root: {error.detail}") from None


def _key_id(public: str) -> str:
    if len(public) != 64 or any(digit not in "0123456789abcdef" for digit in public):
        raise FeedKeyInvalid("a public key has 64 hexadecimal digits")
    return key_id(public)
