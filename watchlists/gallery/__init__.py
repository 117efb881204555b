"""The searchable side of all active entries: in memory alone, following the change log."""

from watchlists.gallery.digest import DigestFollower, digest_of, entry_digest, gallery_digest
from watchlists.gallery.local import LocalGallery
from watchlists.gallery.protocol import Candidate, EmbeddingSpace, Gallery, SearchResult

__all__ = [
    "Candidate",
    "DigestFollower",
    "EmbeddingSpace",
    "Gallery",
    "LocalGallery",
    "SearchResult",
    "digest_of",
    "entry_digest",
    "gallery_digest",
]
