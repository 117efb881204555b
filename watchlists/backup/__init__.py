"""Backups: the data in one folder, the keys of owners in one small file apart, and neither opens without the root key.

The data holds everything but the keys of owners, the same from either kind of database. The key file holds those keys,
wrapped by the root key, and each backup puts a new one in place of the last. So once a key is rotated and the key files
of before are deleted, no older data opens any more: what was withdrawn cannot come back.
"""

from watchlists.backup.container import Progress
from watchlists.backup.make import make_backup
from watchlists.backup.manifest import AGREEMENTS, Manifest
from watchlists.backup.restore import require_keys, restore_rows
from watchlists.backup.verify import VerifiedBackup, verify

__all__ = [
    "AGREEMENTS",
    "Manifest",
    "Progress",
    "VerifiedBackup",
    "make_backup",
    "require_keys",
    "restore_rows",
    "verify",
]
