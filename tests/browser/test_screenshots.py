"""The pictures of docs/review.md: `make screenshots` takes them anew. Generated fingers, and a portrait by NASA."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page

from tests.browser.desk import DESKTOP, DISCREET, TABLET, Desk

MOST_BYTES = 250_000
"""The largest takes about 200 kB: fingers and times are others in each run."""


@pytest.mark.slow
def test_screenshots_of_the_desk(desk: Desk, tmp_path: Path) -> None:
    folder = Path(os.environ.get("CROSSCHECK_SCREENSHOTS", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    for checkpoint in ("XA-GATE-02", "XA-GATE-11"):
        desk.check(checkpoint=checkpoint)
    desk.check(DISCREET, checkpoint="XA-PORT-3")
    flag = desk.flag()
    with desk.visitor() as stranger:
        stranger.open("/sign-in")
        take(stranger.page, folder / "sign-in.png")
    with desk.visitor("xa/ada") as ada:
        ada.open("/review")
        take(ada.page, folder / "queue.png")
        ada.open(flag).page.locator("[data-step='1']").click()
        ada.page.evaluate("document.activeElement.blur()")
        take(ada.page, folder / "flag.png", whole=True)
    with desk.visitor("xa/ada", TABLET, color_scheme="dark") as ada:
        ada.open(flag)
        take(ada.page, folder / "flag-tablet-dark.png")
    with desk.visitor("xa/ada", DESKTOP) as ada:
        ada.open("/review").page.get_by_role("row").filter(has_text="Silent alarm").get_by_role("link").first.click()
        take(ada.page, folder / "silent.png")


def take(page: Page, file: Path, *, whole: bool = False) -> None:
    """Take a picture once all pictures of the page are there, in few colours: it goes into the repository."""
    page.wait_for_load_state("networkidle") if not page.url.endswith("/review") else page.wait_for_timeout(300)
    page.screenshot(path=file, full_page=whole)
    Image.open(file).convert("RGB").quantize(200).save(file, optimize=True)
    assert file.stat().st_size < MOST_BYTES
