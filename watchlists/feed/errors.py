"""Why a message of a feed is refused: one class for each reason, so that tests, alarms and people tell them apart."""

from __future__ import annotations

from models.errors import CrosscheckError


class FeedRefused(CrosscheckError):
    """A message of a feed is not trusted. Nothing of it takes effect, and what was known before stays known.

    The slug names the reason, also in metrics.
    """

    slug = "feed-refused"
    hint = "Nothing was taken over. Pull again; if it stays so, ask the operator of the publishing node."


class FeedMalformed(FeedRefused):
    """Not a message of this format in its one canonical form."""

    slug = "feed-malformed"
    hint = "Check that both nodes know the same feed format, and that nothing between them edits JSON."


class FeedOversize(FeedRefused):
    slug = "feed-oversize"
    hint = "Ask the publisher for smaller pages; no message above the cap is read."


class FeedBadSignature(FeedRefused):
    """A signature is wrong, or of a key that has no say in this role."""

    slug = "feed-bad-signature"
    hint = "Fetch the publisher's newer root keys first; if it stays so, somebody altered or forged the message."


class FeedTooFewSignatures(FeedRefused):
    slug = "feed-too-few-signatures"
    hint = "Ask the publisher to sign with as many keys as its root demands."


class FeedExpired(FeedRefused):
    """No promise of freshness that still holds: the newest changes may be kept back."""

    slug = "feed-expired"
    hint = "Check that the publishing node runs and is reachable, and that its root keys have not expired."


class FeedClockSkew(FeedRefused):
    """A message is dated in the future."""

    slug = "feed-clock-skew"
    hint = "Compare the clocks of both nodes with a time server."


class FeedRollback(FeedRefused):
    """Something older than what was seen before."""

    slug = "feed-rollback"
    hint = (
        "If the publisher went back to a backup, agree by telephone to start its feed anew; "
        "otherwise somebody replays the past."
    )


class FeedReplay(FeedRefused):
    """A message that was taken over before."""

    slug = "feed-replay"
    hint = "Ask for the message that follows; if the answer stays the same, somebody between the nodes repeats it."


class FeedGap(FeedRefused):
    """Something between what was taken over and this message is missing."""

    slug = "feed-gap"
    hint = "Ask for what is missing; changes are taken over without gaps only."


class FeedFork(FeedRefused):
    """Two different messages of one number, both signed by the publisher."""

    slug = "feed-fork"
    hint = "Keep both messages as evidence: the publisher's keys are in two hands, or its node went back to a backup."


class FeedForeignOwner(FeedRefused):
    """The message speaks for another owner, or for another watchlist, than the feed."""

    slug = "feed-foreign-owner"
    hint = "Check the address and the name of the watchlist; each partner publishes its own entries alone."


class FeedWrongReceiver(FeedRefused):
    """The message, or what is sealed in it, is for somebody else."""

    slug = "feed-wrong-receiver"
    hint = "Check as which partner this node asks, and that the publisher seals to a key that this node still has."


class FeedUnannounced(FeedRefused):
    """A page that the newest timestamp does not vouch for."""

    slug = "feed-unannounced"
    hint = "Fetch the newest timestamp first."


class FeedContentAltered(FeedRefused):
    """The sealed content of an entry is not the one that the page names."""

    slug = "feed-content-altered"
    hint = "Pull again; if it stays so, somebody between the nodes alters what is sent."


class FeedContentUnreadable(FeedRefused):
    """The sealed content of an entry does not open as that entry, or is none."""

    slug = "feed-content-unreadable"
    hint = "Ask the publisher to publish the entry again; it was sealed for another place, or is of a newer format."


class FeedContentMissing(FeedRefused):
    """An entry is on the list, and its content was never sent."""

    slug = "feed-content-missing"
    hint = "Fetch the newest timestamp first; if it stays so, ask the publisher to publish the entry again."


class FeedNotAllowed(FeedRefused):
    """No agreement in force allows an entry of this page to be replicated to this node."""

    slug = "feed-not-allowed"
    hint = "Compare the agreements of both nodes; the publisher must stop sending the entry, or the agreement allow it."
