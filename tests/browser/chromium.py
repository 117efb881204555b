"""Debian's Chromium, driven by Playwright, without anything that it would ask of the network by itself."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, sync_playwright

MISSING = "browser tests need Chromium: install it with `apt install chromium`, or run .ci/install-chromium as root"
QUIET = (
    "--no-sandbox",  # it runs as root in containers, and shows pages of our own only
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-domain-reliability",
    "--disable-sync",
    "--disable-features=OptimizationHints,MediaRouter,Translate,AutofillServerCommunication",
    "--metrics-recording-only",
    "--no-first-run",
    "--no-pings",
)


@contextmanager
def running_chromium() -> Iterator[Browser]:
    """Run the system's Chromium. Where there is none, tests are passed over; CI lets them fail."""
    path = os.environ.get("CROSSCHECK_TEST_CHROMIUM") or shutil.which("chromium")
    if path is None:
        (pytest.fail if os.environ.get("CROSSCHECK_TEST_EVERYTHING") else pytest.skip)(MISSING)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(QUIET))
        yield browser
        browser.close()
