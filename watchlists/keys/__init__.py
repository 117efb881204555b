"""The keys of owners: made with a partner, wrapped by the root key, numbered by generation for rotation."""

from watchlists.keys.owner_key import OwnerKey
from watchlists.keys.ring import KeyRing
from watchlists.keys.values import generation_of, sealed_columns

__all__ = ["KeyRing", "OwnerKey", "generation_of", "sealed_columns"]
