"""A node that listens on a port of this machine, as browsers and commands need it: the real service, in a thread."""

from __future__ import annotations

import socket
import threading
import time
from typing import Any

import httpx2
import uvicorn
from httpx2 import Response

from service.app import bootstrap, create_app
from tests.service.node import Node

_MOST_SECONDS = 60


class LiveNode(Node):
    """A node over HTTP; `url` is where it is."""

    def start(self) -> None:
        self.runtime = bootstrap(self._settings, self.clock, self.faces)
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        config = uvicorn.Config(create_app(self.runtime), log_config=None, access_log=False)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([listener],), daemon=True)
        self._thread.start()
        self._wire = httpx2.Client(base_url=self.url, timeout=_MOST_SECONDS)
        _wait_for(lambda: self._server.started)

    def stop(self) -> None:
        self.runtime.draining.begin()  # as the signal to end does, so that streams end
        self._wire.close()
        self._server.should_exit = True
        self._thread.join(_MOST_SECONDS)
        assert not self._thread.is_alive()

    def call(self, who: str, method: str, path: str, **kwargs: Any) -> Response:
        headers = kwargs.pop("headers", {}) | {"Authorization": f"Bearer {self.access.tokens[who]}"}
        return self._wire.request(method, path, headers=headers, **kwargs)


def _wait_for(happened: Any) -> None:
    until = time.monotonic() + _MOST_SECONDS
    while not happened():
        assert time.monotonic() < until, "the service did not start"
        time.sleep(0.02)
