"""Keys of feeds on the command line: roots and who holds them, and the keys that feeds are sealed to."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from models.errors import CrosscheckError
from service.commands.feeds_of_node import feeds_of_node
from watchlists.exchange.errors import FeedKeysMissing
from watchlists.exchange.signing_keys import Holders, fingerprint, sign_draft, to_pin
from watchlists.feed.messages import ROOT_CAP, RootMessage, read
from watchlists.feed.signing import LocalSigner

Owner = Annotated[str, typer.Option(help="Partner whose feeds are signed.")]
Draft = Annotated[Path, typer.Argument(help="The draft of a root.", exists=True, dir_okay=False)]


class HolderKeyUnusable(CrosscheckError):
    slug = "holder-key"
    hint = "Give the file that `crosscheck feed key` made, or a new name for a new key."


def key(file: Annotated[Path, typer.Argument(help="New file for the key; keep it apart from every node.")]) -> None:
    """Make the key of one holder of roots, and print its public half. Needs no data folder."""
    made = Ed25519PrivateKey.generate()
    text = made.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise HolderKeyUnusable(f"{file} cannot be made: {error.strerror}") from None
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(text)
    typer.echo(LocalSigner(made).public)


def rotate(
    owner: Owner,
    draft: Annotated[Path, typer.Option(help="Where the draft goes if holders have to sign it.")] = Path("root.json"),
    holder: Annotated[
        list[str] | None, typer.Option(help="Public key of a holder of the new root; once for each.")
    ] = None,
    threshold: Annotated[int, typer.Option(min=1, help="How many holders must sign from then on.")] = 1,
) -> None:
    """Make the next root of an owner, or its first, with new keys for timestamps and pages.

    Without holders the node itself holds the root, and the new one is in force at once. With holders, of the root that
    is in force or of the new one, a draft is written: each of them signs it with `feed sign`, then `feed publish`.
    """
    feeds = feeds_of_node()
    holders = None if not holder else Holders(tuple(holder), threshold)
    message = feeds.signing.draft(owner, holders, datetime.now(UTC))
    if feeds.signing.is_ready(message):
        root = feeds.publish_root(message)
        typer.echo(f"root {root.version} of {owner}, good until {root.expires:%Y-%m-%d}")
        typer.echo(fingerprint(root))
        return
    draft.write_bytes(message)
    typer.echo(f"Wrote {draft}. Have its holders sign it: crosscheck feed sign {draft} --key FILE")
    typer.echo(f"Then: crosscheck feed publish {draft}")


def sign(
    draft: Draft,
    key: Annotated[Path, typer.Option(help="The holder's own key.", exists=True, dir_okay=False)],
) -> None:
    """Sign a draft as one of its holders. Needs no data folder; compare what is printed with the other holders."""
    message = draft.read_bytes()
    root = read(message, RootMessage, ROOT_CAP).signed
    draft.write_bytes(sign_draft(message, LocalSigner(_load(key))))
    typer.echo(f"signed root {root.version} of {root.owner}, good until {root.expires:%Y-%m-%d}")
    typer.echo(fingerprint(root))


def publish(draft: Draft) -> None:
    """Bring a draft into force that enough holders have signed."""
    root = feeds_of_node().publish_root(draft.read_bytes())
    typer.echo(f"root {root.version} of {root.owner} is in force")
    typer.echo(fingerprint(root))


def root(
    owner: Owner,
    out: Annotated[Path | None, typer.Option(help="File for the other node's operator to pin.")] = None,
) -> None:
    """Print the fingerprint of an owner's newest root, and write the root for others to pin."""
    message = feeds_of_node().signing.root(owner)
    if message is None:
        raise FeedKeysMissing(f"{owner} has no root keys on this node")
    found = read(message, RootMessage, ROOT_CAP).signed
    typer.echo(f"root {found.version} of {owner}, good until {found.expires:%Y-%m-%d}")
    typer.echo(fingerprint(found))
    if out is not None:
        out.write_bytes(to_pin(message))


def receive(
    receiver: Annotated[str, typer.Option(help="Partner of this node that receives feeds.")],
    new: Annotated[bool, typer.Option("--new", help="Make a new key, in place of the one handed out so far.")] = False,
) -> None:
    """Print the public key that feeds for a partner of this node are sealed to; hand it to those who publish."""
    typer.echo(feeds_of_node().receiving_key(receiver, new=new).hex())


def _load(file: Path) -> Ed25519PrivateKey:
    try:
        found = serialization.load_pem_private_key(file.read_bytes(), None)
    except (OSError, ValueError, TypeError) as error:
        raise HolderKeyUnusable(f"{file} holds no key: {type(error).__name__}") from None
    if not isinstance(found, Ed25519PrivateKey):
        raise HolderKeyUnusable(f"{file} holds a key of another kind")
    return found
