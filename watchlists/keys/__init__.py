"""The keys of owners: made with a partner, wrapped by the root key, numbered by generation for rotation."""

from watchlists.keys.owner_key import OwnerKey, OwnerKeyRow
from watchlists.keys.ring import KeyRing, require_root, root_check
from watchlists.keys.values import SealedColumn, sealed_columns

__all__ = ["KeyRing", "OwnerKey", "OwnerKeyRow", "SealedColumn", "require_root", "root_check", "sealed_columns"]
