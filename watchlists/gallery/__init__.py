"""The searchable side of all active entries: in memory alone, following the change log."""

from watchlists.gallery.local import LocalGallery
from watchlists.gallery.protocol import Candidate, EmbeddingSpace, Gallery, SearchResult

__all__ = ["Candidate", "EmbeddingSpace", "Gallery", "LocalGallery", "SearchResult"]
