"""The messages of a feed: root, timestamp and page. What they may say at all; whether it is true, `trusted` decides.

A feed carries one watchlist of one owner to one receiving partner. Its changes have numbers of their own, 1, 2, 3 ...;
its pages too, and each names the digest of the one before. Of what stays at the publisher's nothing is said. A page
names the digest of each sealed content, and the contents travel beside it. So the content of an entry that was since
replaced or withdrawn can be destroyed at its publisher, while the chain stays whole: the signature of a page covers the
list of what is left out.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from datetime import UTC, datetime
from hashlib import sha256
from typing import Annotated, Any, Final, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    ValidationError,
    model_validator,
)

from watchlists.feed.errors import FeedMalformed, FeedOversize
from watchlists.feed.signing import canonical, key_id

ROOT_CAP: Final = 64 * 1024
TIMESTAMP_CAP: Final = 16 * 1024
PAGE_CAP: Final = 8 * 1024 * 1024
"""Bytes of the largest message of each kind that is read."""
CHANGES_CAP: Final = 1000
"""Changes of one page."""
NOTHING: Final = "0" * 64
"""The digest that the first page names as the one before."""


def whole_second(moment: datetime) -> datetime:
    """Return the moment in UTC, cut to the second: what is promised until then never lasts longer."""
    try:
        return moment.astimezone(UTC).replace(microsecond=0)
    except OverflowError:
        raise ValueError("the moment lies outside the years 1 to 9999 in UTC") from None


def _rfc3339(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


Hex32 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Hex64 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{128}$")]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=64)]
Number = Annotated[int, Field(ge=1, le=2**53 - 1)]
CountedFromZero = Annotated[int, Field(ge=0, le=2**53 - 1)]
Moment = Annotated[AwareDatetime, AfterValidator(whole_second), PlainSerializer(_rfc3339, when_used="json")]


class Part(BaseModel):
    """Anything in a message: frozen, strict, and without fields that nobody knows."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", hide_input_in_errors=True)

    def plain(self) -> Any:
        """Return this as a JSON value."""
        return self.model_dump(mode="json")


class FeedId(Part):
    """Which feed: the watchlist of one owner, on its way to one receiving partner."""

    owner: Name
    watchlist: Name
    receiver: Name


class RoleKeys(Part):
    """Who may sign in a role, and how many of them must."""

    keyids: Annotated[tuple[Hex32, ...], Field(min_length=1, max_length=32)]
    threshold: Number

    @model_validator(mode="after")
    def _can_be_met(self) -> Self:
        if list(self.keyids) != sorted(set(self.keyids)) or self.threshold > len(self.keyids):
            raise ValueError("key ids are not sorted and different, or fewer than the threshold")
        return self


class Roles(Part):
    root: RoleKeys
    timestamp: RoleKeys
    page: RoleKeys


class Root(Part):
    """The keys of one owner, for all its feeds. Each version is vouched for by the one before."""

    role: Literal["root"] = "root"
    format: Literal[1] = 1
    owner: Name
    version: Number
    expires: Moment
    keys: dict[Hex32, Hex32]
    roles: Roles

    @model_validator(mode="after")
    def _keys_are_named_rightly(self) -> Self:
        used = {keyid for role in (self.roles.root, self.roles.timestamp, self.roles.page) for keyid in role.keyids}
        if used != set(self.keys) or any(key_id(public) != keyid for keyid, public in self.keys.items()):
            raise ValueError("keys and roles do not fit together")
        return self


class Position(Part):
    """How far a feed goes, or a receiver has come: the last page, its last change, and the digest of the page."""

    page: CountedFromZero
    sequence: CountedFromZero
    digest: Hex32


START: Final = Position(page=0, sequence=0, digest=NOTHING)


class Timestamp(Part):
    """Up to where the feed goes as of `issued`; nobody should believe it beyond `expires`.

    Args:
        at_home: purposes for which the receiver may be allowed to search entries that stay at the owner's. Whoever
            checks for one of them has not searched everything before the owner's node was asked.
    """

    role: Literal["timestamp"] = "timestamp"
    format: Literal[1] = 1
    feed: FeedId
    version: Number
    issued: Moment
    expires: Moment
    head: Position
    at_home: Annotated[tuple[Name, ...], Field(max_length=256)] = ()


class Put(Part):
    """An entry is on the list, with this sealed content (SHA-256)."""

    kind: Literal["put"] = "put"
    sequence: Number
    entry: Name
    digest: Hex32


class Withdraw(Part):
    """An entry that the receiver has, or had, is no longer on the list, or may no longer be there."""

    kind: Literal["withdraw"] = "withdraw"
    sequence: Number
    entry: Name


Change = Annotated[Put | Withdraw, Field(discriminator="kind")]


class Page(Part):
    """Changes `first` to `last`, without gaps.

    Args:
        previous: digest of the page before; `NOTHING` for the first.
        sealed_to: id of the receiver's key that the contents are sealed to.
    """

    format: Literal[1] = 1
    feed: FeedId
    number: Number
    previous: Hex32
    first: Number
    last: Number
    published: Moment
    sealed_to: Hex32
    changes: Annotated[tuple[Change, ...], Field(min_length=1, max_length=CHANGES_CAP)]

    def position(self) -> Position:
        """Return how far this page goes."""
        digest = sha256(canonical(self.plain())).hexdigest()
        return Position(page=self.number, sequence=self.last, digest=digest)

    def puts(self) -> tuple[Put, ...]:
        return tuple(change for change in self.changes if isinstance(change, Put))


class SignedPage(Part):
    """A page, and the sequences of the puts whose content is not sent: it was since replaced or withdrawn."""

    role: Literal["page"] = "page"
    page: Page
    left_out: tuple[Number, ...]


class Signature(Part):
    keyid: Hex32
    sig: Hex64


class Message(Part):
    signatures: Annotated[tuple[Signature, ...], Field(max_length=64)]

    @model_validator(mode="after")
    def _each_key_signs_once(self) -> Self:
        keyids = [signature.keyid for signature in self.signatures]
        if keyids != sorted(set(keyids)):
            raise ValueError("signatures are not sorted by different keys")
        return self

    def by_key(self) -> dict[str, str]:
        return {signature.keyid: signature.sig for signature in self.signatures}


class RootMessage(Message):
    signed: Root


class TimestampMessage(Message):
    signed: Timestamp


class PageMessage(Message):
    """Args: contents: of the puts that are not left out, in their order, sealed, in base64."""

    signed: SignedPage
    contents: Annotated[tuple[str, ...], Field(max_length=CHANGES_CAP)]

    def sealed(self) -> dict[int, bytes]:
        """Return the sealed contents by sequence.

        Raises:
            FeedMalformed: they do not fit the changes of the page, or are not in canonical base64.
        """
        puts = [put.sequence for put in self.signed.page.puts()]
        left_out = self.signed.left_out
        sent = [sequence for sequence in puts if sequence not in frozenset(left_out)]
        if list(left_out) != [put for put in puts if put in frozenset(left_out)] or len(sent) != len(self.contents):
            raise FeedMalformed("the contents of the page do not fit its changes")
        return {sequence: _decoded(text) for sequence, text in zip(sent, self.contents, strict=True)}


def _decoded(text: str) -> bytes:
    try:
        sealed = b64decode(text, validate=True)
    except ValueError:
        raise FeedMalformed("a content is not in base64") from None
    if b64encode(sealed).decode() != text:  # loose bits at the end
        raise FeedMalformed("a content is not in canonical base64")
    return sealed


_M = TypeVar("_M", bound=Part)


def read(message: bytes, kind: type[_M], cap: int) -> _M:
    """Read a message of one kind.

    Raises:
        FeedOversize: it has more than `cap` bytes; it was not read.
        FeedMalformed: it is something else, or not in its canonical form.
    """
    if len(message) > cap:
        raise FeedOversize(f"a message of {len(message)} bytes is over the cap of {cap}")
    try:
        found = kind.model_validate_json(message)
    except ValidationError as error:
        raise FeedMalformed(f"not a {kind.__name__}: {error.errors(include_input=False)[0]['type']}") from None
    if canonical(found.plain()) != message:
        raise FeedMalformed(f"this {kind.__name__} is not in its canonical form")
    return found
