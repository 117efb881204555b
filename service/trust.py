"""Whose certificates are believed when this node calls another host."""

from __future__ import annotations

import ssl
from functools import cache
from pathlib import Path


def trusting(authorities: Path | None) -> ssl.SSLContext:
    """Return a context for outgoing connections; not to be changed, since callers may share it.

    Args:
        authorities: certificates of those that sign for other hosts (PEM); None for those of the system.

    Raises:
        OSError: the file cannot be read, or holds no certificate (ssl.SSLError is one).
    """
    return _of_the_system() if authorities is None else ssl.create_default_context(cafile=str(authorities))


@cache
def _of_the_system() -> ssl.SSLContext:
    """Read once: there are more than a hundred authorities, which take some 15 ms."""
    return ssl.create_default_context()
