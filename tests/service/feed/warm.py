"""What a node needs before it can start, done on import: only the server that nodes are forked off imports this."""

from __future__ import annotations

import tests.service.feed.process  # noqa: F401
from models.fingerprint.matcher import warm_up

warm_up()
