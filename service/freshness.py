"""A probe is of a person who stands there now: how old, or how far ahead, its capture may be."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from service.errors import StaleCapture


@dataclass(frozen=True, slots=True)
class Freshness:
    """The window in which `captured_at` must lie."""

    max_age: timedelta
    max_ahead: timedelta

    def require(self, unverified_captured_at: datetime, now: datetime) -> None:
        """Check that the capture was made just now.

        Raises:
            StaleCapture: it was not.
        """
        if unverified_captured_at < now - self.max_age:
            raise StaleCapture(f"captured_at is more than {self.max_age.total_seconds():.0f} seconds ago")
        if unverified_captured_at > now + self.max_ahead:
            raise StaleCapture(f"captured_at is more than {self.max_ahead.total_seconds():.0f} seconds ahead")
