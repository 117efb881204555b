"""Vectors of float32, and the memory of FAISS that they lie in."""

from __future__ import annotations

import math

import faiss
import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]


def longest(vectors: Vectors) -> float:
    """Return the length of the longest of some vectors (n, dimension), of which there is one at least."""
    return math.sqrt(np.einsum("ij,ij->i", vectors, vectors).max())


def fill_with_zeros(index: faiss.IndexFlatCodes, slots: int) -> None:
    """Give an empty index that many vectors of bytes 0, without making them first and copying them."""
    index.codes.resize(slots * index.code_size)
    index.ntotal = slots
