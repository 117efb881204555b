"""The desk can be used with keys alone, without JavaScript, on a tablet, and by whoever needs a page to be told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.browser.desk import DISCREET, TABLET, Desk, Screen
from tests.service.people import person

AXE = Axe()
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
FOR_ALL = ("/sign-in", "/nothing-here")
FOR_REVIEWERS = ("/review", "/review?state=settled", "/review/requests", "/account")


def violations(screen: Screen) -> list[str]:
    """What axe finds, by rule and place, on a page that is what it was opened for."""
    found = AXE.run(screen.page, options=RULES).response["violations"]
    return [f"{each['id']}: {node['target']} {node['failureSummary']}" for each in found for node in each["nodes"]]


def silent_flag(desk: Desk) -> str:
    """A flag that the terminal knows nothing of."""
    desk.check(DISCREET)
    found = desk.node.call("xa-reviewer", "GET", "/v1/flags").json()["flags"]
    return "/review/flags/" + str(next(each["flag_id"] for each in found if each["silent"]))


def place_of(desk: Desk, flag: str) -> str:
    """Where the pages about the one candidate of a flag are."""
    (candidate,) = desk.node.call("xa-reviewer", "GET", f"/v1{flag.removeprefix('/review')}").json()["candidates"]
    return f"{flag}/candidates/{candidate['candidate_id']}"


@contextmanager
def everywhere(desk: Desk, scheme: str) -> Iterator[Iterator[Screen]]:
    """Every page that a reviewer meets, opened one after the other."""
    flag, silent = desk.flag(), silent_flag(desk)
    more = (flag, silent, f"{place_of(desk, flag)}/waiver", f"{place_of(desk, silent)}/authorisation")

    def pages() -> Iterator[Screen]:
        with desk.visitor(color_scheme=scheme) as stranger:
            for path in FOR_ALL:
                yield stranger.open(path)
        with desk.visitor("xa/ada", color_scheme=scheme) as ada:
            for path in (*FOR_REVIEWERS, *more):
                yield ada.open(path)
            ada.open(flag)
            for summary in ada.page.locator("summary").all():
                summary.click()
            yield ada
            ada.page.locator("input[name=kind]").first.check()
            ada.page.get_by_label("Why?").fill("  ")
            ada.page.get_by_role("button", name="Continue").click()
            yield ada
            ada.page.get_by_label("Why?").fill("The whorl is the same.")
            ada.page.get_by_role("button", name="Continue").click()
            ada.page.get_by_role("heading", name="Give this verdict?").wait_for()
            yield ada

    yield pages()


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.slow)])
def test_axe_finds_nothing_on_any_page(desk: Desk, scheme: str) -> None:
    with everywhere(desk, scheme) as screens:
        found = {screen.page.url: violations(screen) for screen in screens}
    assert len(found) >= len(FOR_ALL) + len(FOR_REVIEWERS) + 4
    assert {url: each for url, each in found.items() if each} == {}


def test_a_flag_is_decided_with_keys_alone(desk: Desk) -> None:
    desk.flag()
    with desk.visitor() as ada:
        keys, page = ada.page.keyboard, ada.page
        someone = person(desk.node, "xa/ada")
        ada.open("/sign-in")
        page.get_by_label("User").focus()
        keys.type(str(someone.user))
        keys.press("Tab")
        keys.type(someone.password)
        keys.press("Enter")
        page.get_by_label("Code").focus()
        keys.type(someone.code())
        keys.press("Enter")
        page.wait_for_url("**/review")
        keys.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        keys.press("j")
        assert page.evaluate("document.activeElement.id").startswith("flag-")
        keys.press("Enter")
        page.wait_for_url("**/review/flags/*")
        keys.press("1")
        assert page.evaluate("document.activeElement.value") == "same person"
        keys.press("ArrowDown")
        keys.press("Tab")
        keys.type("1 2 3: these are typed, and choose nothing.")
        assert page.locator("input[name=kind]:checked").input_value() == "different person"
        keys.press("Tab")
        keys.press("Enter")
        page.get_by_role("button", name="Give the verdict").focus()
        keys.press("Enter")
        assert ada.says("Your verdict is given.")


def test_single_keys_can_be_switched_off(desk: Desk) -> None:
    with desk.visitor("xa/ada") as ada:
        ada.open(desk.flag())
        ada.page.locator("summary", has_text="Keys").click()
        ada.page.get_by_label("Single keys do this on this device").uncheck()
        ada.page.locator("h1").click()
        ada.page.keyboard.press("1")
        assert ada.page.locator("input[name=kind]:checked").count() == 0
        ada.page.reload()
        ada.page.keyboard.press("1")
        assert ada.page.locator("input[name=kind]:checked").count() == 0


def test_pictures_zoom_and_move_together(desk: Desk) -> None:
    with desk.visitor("xa/ada") as ada:
        ada.open(desk.flag())
        panes = ada.page.locator("[data-viewer=aligned]")
        panes.first.focus()
        for key in ("+", "+", "ArrowRight"):
            ada.page.keyboard.press(key)
        one, other = (pane.locator(".zoomed").evaluate("(it) => it.style.transform") for pane in panes.all())
        assert one == other
        assert "scale(1.69)" in one
        ada.page.keyboard.press("0")
        assert "scale(1)" in panes.last.locator(".zoomed").evaluate("(it) => it.style.transform")


def test_a_pair_is_lit_from_the_drawing_and_from_the_list(desk: Desk) -> None:
    with desk.visitor("xa/ada") as ada:
        ada.open(desk.flag())
        ada.page.locator("summary", has_text="taken for the same").click()
        link = ada.page.locator("[data-pair-link='1-2']")
        link.focus()
        assert ada.page.locator("#pair-1-2.lit").count() == 1
        ada.page.locator("#pair-1-3 .halo").last.click()
        assert ada.page.locator("[data-pair-link='1-3'].lit").count() == 1
        assert ada.page.locator("#pair-1-2.lit").count() == 0


def test_the_essentials_work_without_javascript(desk: Desk) -> None:
    flag = desk.flag()
    with desk.visitor(java_script_enabled=False) as ada:
        ada.sign_in(person(desk.node, "xa/ada"))
        ada.page.locator(f"a[href='{flag}']").click()
        assert ada.page.locator("svg.beside").count() == 1
        ada.say("Inconclusive", "The picture is too dark.")
        ada.open("/review?mine=yes")
        assert ada.page.locator(f"a[href='{flag}']").count() == 0


def test_a_tablet_shows_all_of_it(desk: Desk) -> None:
    flag = desk.flag()
    with desk.visitor("xa/ada", TABLET, has_touch=True) as ada:
        for path in ("/review", flag, "/review/requests"):
            ada.open(path)
            assert ada.page.evaluate("document.documentElement.scrollWidth") <= TABLET[0]
        ada.open("/review").page.locator(f"a[href='{flag}']").tap()
        ada.page.locator("label.choice").first.tap()
        assert ada.page.locator("input[name=kind]:checked").input_value() == "same person"


def test_pages_reflow_at_four_times_their_size(desk: Desk) -> None:
    flag = desk.flag()
    with desk.visitor("xa/ada", (320, 640)) as ada:  # 1280 pixels at 400 % (WCAG 1.4.10)
        for path in ("/review", flag, "/review/requests"):
            ada.open(path)
            assert ada.page.evaluate("document.documentElement.scrollWidth") <= 320, path
