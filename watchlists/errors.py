"""Errors of the watchlist side, part of the project's one error tree."""

from __future__ import annotations

from models.errors import CrosscheckError


class AgreementInvalid(CrosscheckError):
    """An agreement's folder cannot be used; nothing of it takes effect, and what was in force before stays so.

    Args:
        file: the file that is wrong, as `folder/name`.
        reason: what is wrong with it.
        line: the line in `file`, from 1, where it is known.
    """

    slug = "agreement-invalid"
    hint = "Mend the file; a running service looks every few seconds, and keeps those in use until then."

    def __init__(self, file: str, reason: str, *, line: int | None = None, hint: str | None = None) -> None:
        place = file if line is None else f"{file}:{line}"
        super().__init__(f"{place}: {reason}", hint=hint)
        self.file = file
        self.line = line
        self.reason = reason


class UnknownPartner(CrosscheckError):
    slug = "unknown-partner"
    hint = "List the partners with `crosscheck partner list`; add one with `crosscheck partner add`."


class UnknownWatchlist(CrosscheckError):
    slug = "unknown-watchlist"
    hint = "Check the name of the watchlist; make it with PUT /v1/watchlists/{watchlist}."


class UnknownEntry(CrosscheckError):
    slug = "unknown-entry"
    hint = "Check the id of the entry; it may have been withdrawn."


class EntryChanged(CrosscheckError):
    """An entry was replaced or withdrawn after it had been matched; what was decided on it no longer holds."""

    slug = "entry-changed"
    hint = "Repeat the check."


class WatchlistNameTaken(CrosscheckError):
    slug = "watchlist-name-taken"
    hint = "Choose another name: names of watchlists are unique among all partners."


class ForeignWatchlist(CrosscheckError):
    """Somebody other than its owner tries to write to a watchlist."""

    slug = "foreign-watchlist"
    hint = "Write to a watchlist of your own; each partner writes its own entries alone."


class SchemaUnknown(CrosscheckError):
    """The database was written by a version of Crosscheck that this one does not know."""

    slug = "schema-unknown"
    hint = "Run the version of Crosscheck that last wrote this database, or a newer one."


class RootKeyUnusable(CrosscheckError):
    """The root key is missing, damaged, readable by others, or not the one that the database was sealed under."""

    slug = "root-key"
    hint = (
        "Restore the root key of this data folder from its backup; without it nothing that is sealed can be opened. If "
        "`crosscheck key rotate --root` was broken off, run the same command again."
    )


class RotationUnfinished(CrosscheckError):
    """An owner has a key that was replaced but not destroyed yet."""

    slug = "rotation-unfinished"

    def __init__(self, owner: str) -> None:
        super().__init__(
            f"the key of {owner} is being rotated",
            hint=f"Wait, or finish it with `crosscheck key rotate --owner {owner}`.",
        )


class EntriesUnreadable(CrosscheckError):
    """Entries that do not open stand in the way of what was to be done."""

    slug = "entries-unreadable"
    hint = (
        "`crosscheck doctor --deep` names them. Have their owner write them again, or withdraw them; then run the same "
        "command again."
    )


class BackupInvalid(CrosscheckError):
    """A backup is not whole, or is not what it says it is. Nothing was changed."""

    slug = "backup-invalid"
    hint = "Use another backup; this one, or a copy of it, is damaged."


class BackupExists(CrosscheckError):
    slug = "backup-exists"
    hint = "Name a new folder: a backup is never overwritten."


class BackupKeysGone(CrosscheckError):
    """Entries of a backup are sealed under keys that were destroyed since."""

    slug = "backup-keys-gone"
    hint = (
        "Keys were rotated after this backup was made, or its owner was added after the key file. Use a newer backup, "
        "or the key file of this one; or add --leave-out-lost to restore the rest."
    )


class SealBroken(CrosscheckError):
    """A sealed value was changed, was moved from elsewhere, or was sealed under another key."""

    slug = "seal-broken"
    hint = "Run `crosscheck doctor`; restore the database from a backup, and find out who can write to its file."


class OpenersEnded(CrosscheckError):
    """A process that helped to load the gallery ended before its time."""

    slug = "openers-ended"
    hint = "Look in the system's log for why, such as too little memory, and start again."
