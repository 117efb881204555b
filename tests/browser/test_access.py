"""The desk can be used with keys alone, without JavaScript, on a tablet, and by whoever needs a page to be told."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from axe_playwright_python.sync_playwright import Axe
from fastapi.routing import APIRoute
from playwright.sync_api import Locator

from service.pages.site import PAGES
from tests.browser.desk import DESKTOP, TABLET, Desk, Screen
from tests.browser.tour import Tour
from tests.service.people import person

AXE = Axe()
RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],  # else all that is well is told as well, which takes as long again
}
NO_PAGES = {
    "GET /",  # leads elsewhere
    "GET /static/{version}/{name}",
    "GET /review/list",  # a part of the queue
    "GET /review/changes",  # a stream
    "GET /review/flags/{flag_id}/candidates/{candidate_id}/pictures/{side}/{number}/{cut}",
    "POST /sign-out",
    "POST /account/sessions/end",
}
ENLARGED = 320
"""Width of 1280 pixels at 400 % (WCAG 1.4.10)."""


@dataclass
class Seen:
    """What was found on all pages. Args: asked: methods and paths. violations, too_wide: by page; where there are."""

    asked: set[tuple[str, str]] = field(default_factory=set)
    violations: dict[str, list[str]] = field(default_factory=dict)
    too_wide: list[str] = field(default_factory=list)


def look_around(desk: Desk, scheme: str) -> Seen:
    """Go through all pages, and look at each as it is and on small screens."""
    seen, desk.asked = Seen(), set()
    for screen in Tour(desk, {"color_scheme": scheme}).pages():
        name = f"{screen.page.url} ({screen.page.title()})"
        if found := violations(screen):
            seen.violations[name] = found
        seen.too_wide += [f"{name}: {width}" for width in (TABLET[0], ENLARGED) if screen.is_wider_than(width)]
        screen.page.set_viewport_size({"width": DESKTOP[0], "height": DESKTOP[1]})
    seen.asked = desk.asked
    return seen


def violations(screen: Screen) -> list[str]:
    """What axe finds, by rule and place, on a page that is what it was opened for."""
    found = AXE.run(screen.page, options=RULES).response["violations"]
    return [f"{each['id']}: {node['target']} {node['failureSummary']}" for each in found for node in each["nodes"]]


@pytest.fixture(scope="module")
def seen(whole_desk: Desk) -> Seen:
    whole_desk.wrong.clear()
    found = look_around(whole_desk, "light")
    assert whole_desk.wrong == []
    return found


def routes() -> Iterator[tuple[str, APIRoute]]:
    """Method and route of everything that people are answered by."""
    for pages in PAGES:
        for route in pages.router.routes:
            assert isinstance(route, APIRoute)
            yield from ((method, route) for method in route.methods or ())


@pytest.mark.slow
def test_every_page_is_looked_at(seen: Seen) -> None:
    there_are = {f"{method} {route.path}" for method, route in routes()}
    looked_at = {
        f"{method} {route.path}"
        for method, path in seen.asked
        for of, route in routes()
        if method == of and route.path_regex.match(path)
    }
    assert there_are - NO_PAGES == looked_at - NO_PAGES


@pytest.mark.slow
def test_axe_finds_nothing_on_any_page(seen: Seen) -> None:
    assert seen.violations == {}


@pytest.mark.slow
def test_no_page_is_wider_than_a_tablet_or_than_a_page_at_four_times_its_size(seen: Seen) -> None:
    assert seen.too_wide == []


@pytest.mark.slow
def test_axe_finds_nothing_on_any_page_in_the_dark(desk: Desk) -> None:
    assert look_around(desk, "dark").violations == {}


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


def test_pictures_follow_the_wheel_and_the_pointer(desk: Desk) -> None:
    with desk.visitor("xa/ada") as ada:
        ada.open(desk.flag())
        panes, mouse = ada.page.locator("[data-viewer=aligned]"), ada.page.mouse
        panes.last.focus()
        panes.last.scroll_into_view_if_needed()
        box = panes.last.bounding_box()
        assert box is not None
        middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        mouse.move(*middle)
        for _ in range(2):
            mouse.wheel(0, -100)
        ada.page.wait_for_function("document.querySelector('.zoomed').style.transform.includes('scale(1.69)')")
        before = _places(panes)
        mouse.down()
        mouse.move(middle[0] - 20, middle[1] + 10)
        mouse.up()
        mouse.move(*middle)  # what is not held is not moved
        after = _places(panes)
        assert before[0] == before[1]
        assert after[0] == after[1]
        moved = [round(now - then, 3) for now, then in zip(after[0], before[0], strict=True)]
        assert moved == [-20, 10, 0]


def _places(panes: Locator) -> list[list[float]]:
    """Of each picture, by how much it is moved to the right and down (pixels), and enlarged."""
    styles = [pane.locator(".zoomed").evaluate("(it) => it.style.transform") for pane in panes.all()]
    return [[float(number) for number in re.findall(r"-?\d+(?:\.\d+)?(?=px|\))", style)] for style in styles]


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


def test_a_tablet_is_enough(desk: Desk) -> None:
    flag = desk.flag()
    with desk.visitor("xa/ada", TABLET, has_touch=True) as ada:
        ada.open("/review").page.locator(f"a[href='{flag}']").tap()
        ada.page.locator("label.choice").first.tap()
        assert ada.page.locator("input[name=kind]:checked").input_value() == "same person"
